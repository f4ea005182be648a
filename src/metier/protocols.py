"""Every seam that a plugin may implement; read it after ``types``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from metier.types import (
    Answer,
    Candidate,
    Chunk,
    CleanDocument,
    Completion,
    Conversation,
    Document,
    Example,
    GenerateConfig,
    Hit,
    Json,
    LabelScores,
    Malformed,
    Scope,
    Score,
    Task,
    TokenVectors,
    ToolCall,
    ToolResult,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Progress(Protocol):
    """Where long steps report to; the command line draws a bar, tests and libraries ignore it."""

    def __call__(self, done: int, total: int | None, what: str) -> None: ...


def silent(done: int, total: int | None, what: str) -> None:
    """Report to nobody."""


@runtime_checkable
class Source(Protocol):
    """An origin of documents, read as a stream in bounded memory."""

    def documents(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Document]:
        """Yield each document once, always in the same order, with the same ids."""
        ...


@runtime_checkable
class Corpus(Protocol):
    """Cleaned documents at one version."""

    @property
    def version(self) -> str: ...
    def __len__(self) -> int: ...
    def documents(self) -> Iterator[CleanDocument]: ...
    def chunks(self) -> Iterator[Chunk]: ...


@runtime_checkable
class LanguageModel(Protocol):
    """A model behind one engine: batch first, synchronous."""

    @property
    def name(self) -> str: ...
    def generate(
        self, batch: Sequence[Conversation], config: GenerateConfig
    ) -> list[Completion]: ...
    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability that the answer is exactly this text, then stops."""
        ...

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label for every conversation, reading each prompt once."""
        ...

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]: ...
    def count_tokens(self, text: str) -> int: ...
    def truncate(self, text: str, max_tokens: int) -> str:
        """The longest beginning of ``text`` that has at most ``max_tokens`` tokens."""
        ...


@runtime_checkable
class Embedder(Protocol):
    """Texts to unit vectors."""

    @property
    def name(self) -> str: ...
    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Shape (texts, dimensions), rows of length 1. Long texts are read whole, in windows."""
        ...

    def count_tokens(self, text: str) -> int: ...


@runtime_checkable
class TokenEmbedder(Embedder, Protocol):
    """An embedder that also gives each token's vector in its context, from the same pass."""

    def embed_tokens(self, texts: Sequence[str]) -> TokenVectors:
        """The vectors that ``embed`` gives, and the tokens' own."""
        ...


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for questions, in one store at its present version."""

    def search(
        self, questions: Sequence[str], k: int = 5, *, scope: Scope | None = None
    ) -> list[list[Hit]]:
        """At most ``k`` hits for each question, the best first; none when the store is empty."""
        ...


@runtime_checkable
class Reranker(Protocol):
    """Reads question and passage together and says how well they fit."""

    @property
    def name(self) -> str: ...
    def relevance(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """For each (question, passage) a score on any scale; larger is more relevant."""
        ...


@runtime_checkable
class SupportChecker(Protocol):
    """Judges whether a passage says what a claim says."""

    @property
    def name(self) -> str: ...
    def support(self, batch: Sequence[tuple[str, str]]) -> list[float]:
        """For each (claim, passage): the calibrated probability that the passage supports it."""
        ...


class Models(Protocol):
    """Gives models by name, each loaded once; adapters are directories in PEFT's layout."""

    def language_model(self, name: str, *, adapter: Path | None = None) -> LanguageModel: ...
    def embedder(self, name: str, *, adapter: Path | None = None) -> Embedder: ...
    def cross_encoder(self, name: str) -> Reranker | None:
        """The cross-encoder of this name; None when the name is another kind of model's."""
        ...


def same_text(example: Example, answer: Answer) -> float:
    """1 when the answer is the target, white space around it aside."""
    return float(answer.text.strip() == example.target.strip())


@dataclass(frozen=True, slots=True)
class FitContext:
    """All that a method may learn from. There is no field for the test split."""

    task: Task
    train: Sequence[Example]
    dev: Sequence[Example]
    base: str
    embedder: str
    models: Models
    workdir: Path
    """A directory of the candidate's own; what is in it after a kill may be used to resume."""
    settings: Mapping[str, Json]
    """The rung's own settings from the recipe, complete with defaults."""
    seed: int = 0
    fitted: Mapping[str, tuple[Candidate, Path]] = field(default_factory=dict)
    """Rungs built earlier in this run, for methods that combine them: those with a setting
    ``members``, which names them or, when empty, means all, or with a setting ``adapter``, which
    names one. Rungs of the same method are there too: what would come out the same is copied."""
    corpus: Corpus | None = None
    """The documents, without those that the test items were made from."""
    folder: Path = Path()
    """The recipe's: where relative paths in ``settings`` start. A setting ``names`` is a file."""
    score: Callable[[Example, Answer], float] = same_text
    """What the verdict will be about, from 0 to 1: choices on dev are made by it."""
    progress: Progress = silent


@runtime_checkable
class Answerer(Protocol):
    """What evaluation scores and what serving mounts: the same object."""

    def answer(self, batch: Sequence[Conversation]) -> list[Answer]: ...


@runtime_checkable
class ScopedAnswerer(Answerer, Protocol):
    """An answerer that shows documents, and can be limited to those of a scope."""

    def within(self, scope: Scope) -> Answerer:
        """The same over that scope alone; ``DataError`` for a scope that it cannot keep."""
        ...


@runtime_checkable
class Method(Protocol):
    """One kind of rung; one that trains the base's weights says so: ``tunes_base = True``.

    One that does not read all of the base, the embedder and the corpus says which of them it does:
    ``reads(settings)`` gives their names in ``FitContext``. The others it is not given, and it is
    not fitted anew when they change.
    """

    @property
    def name(self) -> str: ...
    @property
    def defaults(self) -> Mapping[str, Json]:
        """Every setting with its default; the recipe accepts these keys and no others."""
        ...

    def fit(self, rung: str, context: FitContext) -> Candidate: ...
    def load(self, candidate: Candidate, directory: Path, models: Models) -> Answerer: ...


@runtime_checkable
class Tool(Protocol):
    """Something that a model may call while it answers."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str:
        """What it does and when to call it, for the model."""
        ...

    @property
    def parameters(self) -> Mapping[str, Json]:
        """JSON Schema of the arguments: an object."""
        ...

    def call(self, call: ToolCall) -> ToolResult:
        """Answer one call; what the model can mend is a failed result, not an exception."""
        ...


@runtime_checkable
class Scorer(Protocol):
    """Judges one answer to one example."""

    @property
    def name(self) -> str: ...
    def score(self, example: Example, answer: Answer) -> Score: ...
