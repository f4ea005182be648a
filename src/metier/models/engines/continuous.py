"""Continuous batching: answers join and leave a running batch between two tokens."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.models.chat import ChatTokenizer
from metier.models.engines.blocks import BLOCK, alike
from metier.models.engines.decoding import Row, append, ready_text
from metier.models.engines.paged import PagedEngine, Slice

if TYPE_CHECKING:
    import torch

MOST_ROWS = 64
TOKENS_PER_STEP = 512
"""Prompts are read in parts of this size, in turns with the others' next tokens, so that a long
prompt never holds up those who are being answered (Sarathi-Serve, Agrawal et al. 2024)."""


@dataclass(frozen=True, slots=True)
class TokenScores:
    """A written token and the likeliest at its place, with natural-log probabilities.

    Before temperature and constraints: what the model itself thought.
    """

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...]


def _raise(error: Exception) -> None:
    raise error


@dataclass
class Job:
    """One answer on its way through the engine."""

    row: Row
    told: Callable[[Job], None] = lambda job: None
    """Called after every token and at the end, in the engine's thread."""
    failed: Callable[[Exception], None] = _raise
    """Called, in place of that, with what is wrong with it alone; the others go on."""
    space: str = ""
    """Prefixes are shared within a space only."""
    adapter: Path | None = None
    top_scores: int | None = None
    cancelled: Callable[[], bool] = lambda: False
    scores: list[TokenScores] = field(default_factory=list)
    blocks: list[int] = field(default_factory=list)
    read: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """What an engine did since it was opened, and what it has to do."""

    read: int = 0
    """Tokens of prompts, without those that were known already."""
    written: int = 0
    running: int = 0
    waiting: int = 0


class Continuous:
    """The answers under way on one base model; used by one thread."""

    def __init__(self, engine: PagedEngine, chat: ChatTokenizer) -> None:
        self._engine = engine
        self._chat = chat
        self._waiting: deque[Job] = deque()
        self._running: list[Job] = []
        self._read = self._written = 0
        self._wrote = False
        """Whether the last pass was one of next tokens."""

    @property
    def counts(self) -> Counts:
        """As of now."""
        return Counts(self._read, self._written, len(self._running), len(self._waiting))

    @property
    def jobs(self) -> list[Job]:
        """All that are not finished."""
        return [*self._running, *self._waiting]

    def add(self, job: Job) -> None:
        """Queue a job."""
        self._waiting.append(job)

    def text(self, job: Job) -> str:
        """The part of its answer that will not change any more."""
        return ready_text(job.row, self._chat)

    def step(self) -> None:
        """One pass: a token for every answer under way, or a part of the prompts that wait."""
        self._leave([job for job in self._running if job.cancelled()])
        self._waiting = deque(job for job in self._waiting if not job.cancelled())
        self._join()
        planned = self._plan()
        if not planned:
            return
        logits = iter(self._engine.forward([part for _, part in planned]))
        written = []
        for job, part in planned:
            job.read += len(part.tokens)
            self._read += len(part.tokens) if not job.row.tokens else 0
            if part.wanted and self._wrote_one(job, next(logits)):
                written.append(job)
        for job in written:
            job.told(job)
        self._leave([job for job in written if job.row.finish is not None])

    def reset(self) -> None:
        """Forget everything after an error."""
        self._running, self._waiting = [], deque()
        self._engine.reset()

    def close(self) -> None:
        """Leave the answers under way as they are."""
        self._leave(list(self._running))
        self._waiting.clear()

    def _join(self) -> None:
        """Let jobs in, the oldest first, as far as blocks for their longest answers last."""
        adapters = {job.adapter for job in self._running} - {None}
        later: deque[Job] = deque()
        while self._waiting and len(self._running) < MOST_ROWS:
            job = self._waiting[0]
            if self._awaited(job):
                later.append(self._waiting.popleft())
                continue
            adapters |= {job.adapter} - {None}
            if len(adapters) > self._engine.adapters_at_once:
                break
            longest = len(job.row.prompt) + job.row.config.max_new_tokens
            known = self._engine.blocks.reuse(_space(job), job.row.prompt)
            fresh = self._engine.blocks.take(-(-longest // BLOCK) - len(known))
            if fresh is None:
                self._engine.blocks.release(known)
                if self._running:
                    break
                self._waiting.popleft().failed(
                    DataError(f"no room for the keys and values of {longest:,} tokens")
                )
                continue
            job.blocks = [*known, *fresh]
            job.read = job.row.cached = len(known) * BLOCK
            self._running.append(self._waiting.popleft())
        self._waiting.extendleft(reversed(later))

    def _awaited(self, job: Job) -> bool:
        """Whether an answer under way is reading a beginning that this one would read again.

        Drafts of one request come together: the first reads the prompt, the others wait for it.
        """
        reading = [
            one.row.prompt
            for one in self._running
            if not one.row.tokens and _space(one) == _space(job)
        ]
        same = max((alike(prompt, job.row.prompt) for prompt in reading), default=0)
        return same > 0 and same > self._engine.blocks.known(_space(job), job.row.prompt)

    def _plan(self) -> list[tuple[Job, Slice]]:
        """The next tokens of all answers under way, or parts of prompts, in turns.

        In one pass they would change each other: OpenVINO's attention rounds a lone token in
        another way when longer parts stand beside it. Apart, an answer is the same to the last
        bit whatever else is asked of its graph, and what was measured is what is served.
        """
        reading = [job for job in self._running if not job.row.tokens]
        writing = [job for job in self._running if job.row.tokens]
        self._wrote = bool(writing) and not (reading and self._wrote)
        if self._wrote:
            return [(job, _slice(job, job.row.tokens[-1:])) for job in writing]
        room, planned = TOKENS_PER_STEP, []
        for job in reading:
            unread = len(job.row.prompt) - job.read
            size = min(room, unread)
            size -= unread - size == 1  # a last token alone would be rounded as an answer's is
            if size < min(2, unread):
                break
            room -= size
            planned.append((job, _slice(job, job.row.prompt[job.read : job.read + size])))
        return planned

    def _wrote_one(self, job: Job, logits: torch.Tensor) -> bool:
        """Whether a next token was found; a job of which its own limits leave none goes."""
        try:
            self._write(job, logits)
        except Exception as error:
            self._leave([job])
            job.failed(error)
            return False
        return True

    def _write(self, job: Job, logits: torch.Tensor) -> None:
        self._written += 1
        logs = logits.log_softmax(-1) if job.top_scores is not None else None
        append(job.row, logits, self._chat)
        if len(job.row.tokens) == 1:
            self._engine.blocks.remember(_space(job), job.row.prompt, job.blocks)
        if logs is not None:
            job.scores.append(self._scored(job.row.tokens[-1], logs, job.top_scores or 0))

    def _scored(self, token: int, logs: torch.Tensor, top: int) -> TokenScores:
        best = logs.topk(top)
        ranked = tuple(
            (self._piece(int(place)), float(log))
            for place, log in zip(best.indices, best.values, strict=True)
        )
        return TokenScores(self._piece(token), float(logs[token]), ranked)

    def _piece(self, token: int) -> str:
        return str(self._chat.tokenizer.decode([token]))

    def _leave(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            tokens = [*job.row.prompt, *job.row.tokens][: job.read]
            self._engine.blocks.remember(_space(job), tokens, job.blocks)
            self._engine.blocks.release(job.blocks)
            self._running.remove(job)


def _slice(job: Job, tokens: list[int]) -> Slice:
    """The pass's part of a job; logits are wanted from the prompt's end on."""
    read = job.read + len(tokens)
    used = job.blocks[: -(-read // BLOCK)]
    return Slice(tokens, job.read, used, job.adapter, wanted=int(read >= len(job.row.prompt)))


def _space(job: Job) -> str:
    return f"{job.adapter or ''}\0{job.space}"
