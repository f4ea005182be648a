"""The base model's own answers to general requests, written once for a base and kept.

On a processor they take longer to write than a small training does to learn from them. So the
same requests are answered in the same order for every rung and every seed, a block at a time, and
what was written stays in the model cache.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from metier.methods.tuning.requests import general_requests
from metier.models.cache import cache_directory, made_once
from metier.models.fingerprints import fingerprint
from metier.models.names.resolve import resolve
from metier.protocols import Models, Progress
from metier.types import Conversation, GenerateConfig, Message, content_hash

BLOCK = 32
"""Requests answered at once; a kill costs at most so many."""
_TOKENS = 64
_FILE = "answers.json"


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation and the answer that is learnt."""

    prompt: Conversation
    answer: str


def replayed(base: str, count: int, *, models: Models, progress: Progress) -> list[Row]:
    """The first ``count`` general requests with what the base answers, drawn at temperature 1.

    Fewer where an answer was empty.
    """
    if not count:
        return []
    blocks = -(-count // BLOCK)
    asked = content_hash([general_requests(), BLOCK, _TOKENS])
    kept = cache_directory() / f"replay-{asked[:16]}-{fingerprint(resolve(base))}"
    found: list[Row] = []
    for block in range(blocks):
        place = made_once(kept / f"{block:04d}", partial(_write, block, base, models))
        rows = json.loads((place / _FILE).read_text(encoding="utf-8"))
        found += [Row((Message("user", request),), answer) for request, answer in rows]
        progress(block + 1, blocks, "general requests answered by the base")
    return [row for row in found[:count] if row.answer]


def _write(block: int, base: str, models: Models, target: Path) -> None:
    requests = general_requests((block + 1) * BLOCK)[block * BLOCK :]
    config = GenerateConfig(max_new_tokens=_TOKENS, temperature=1.0, seed=block)
    prompts = [(Message("user", request),) for request in requests]
    written = models.language_model(base).generate(prompts, config)
    rows = [
        (request, answer.text.strip()) for request, answer in zip(requests, written, strict=True)
    ]
    (target / _FILE).write_text(json.dumps(rows), encoding="utf-8")
