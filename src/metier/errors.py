"""The error tree; each message says what was wrong, where, and what to do.

MetierError
└── UserError                exit code 2: the person can mend it
    ├── RecipeError          the recipe; lists all problems at once
    ├── SourceError          a file, table or URL that cannot be read
    ├── DataError            data that was read but cannot serve: one class, no rows
    │   └── DoesNotFitError  a rung and so much data; a run leaves the rung out
    ├── ModelNotFoundError   a name that resolves to no weights; says what was tried
    ├── ModelFileError       weights or an adapter that cannot be used
    ├── EndpointError        a remote model that refuses or stays away
    │   ├── NoLabelScoresError   one that cannot say how likely a given answer is
    │   └── EndpointRefusal  it answered with an error, in words of its own
    ├── StorageError         no space, no permission, a damaged project folder
    ├── SandboxError         this machine cannot wall code in; says what is missing
    ├── MissingExtraError    an optional dependency that is not installed
    └── EmptyStageError      a stage would return nothing; names the step that did it
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


class MetierError(Exception):
    """Root of every error that metier raises on purpose."""


class UserError(MetierError):
    """The person who caused it can mend it; shown without a traceback, exit code 2."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a recipe."""

    file: str
    line: int | None
    key: str
    message: str

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        return f"{where}: {self.key}: {self.message}" if self.key else f"{where}: {self.message}"


class RecipeError(UserError):
    """The recipe has problems; all of them are listed."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in problems))


class SourceError(UserError):
    """A file, table or URL cannot be read."""


class DataError(UserError):
    """The data was read, but a stage cannot work with it."""


class DoesNotFitError(DataError):
    """A rung cannot be built from this much data; a run leaves it out and says so."""


class ModelNotFoundError(UserError):
    """A model's name resolves to no weights."""


class ModelFileError(UserError):
    """Weights or an adapter are damaged, or were made for another base."""


class EndpointError(UserError):
    """A remote model refused, or did not answer after the retries."""


class NoLabelScoresError(EndpointError):
    """A remote model gives no log probabilities of a given answer."""


class EndpointRefusal(EndpointError):
    """A remote model answered with an error; ``said``, ``code`` and ``param`` are its own words."""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        said: str = "",
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        """``retry_after`` in seconds, where it named a time."""
        super().__init__(message)
        self.status = status
        self.said = said
        self.code = code
        self.param = param
        self.retry_after = retry_after


class StorageError(UserError):
    """The project folder cannot be written or read."""


class SandboxError(UserError):
    """Code cannot be walled in on this machine, so it is not run at all."""


class MissingExtraError(UserError):
    """A feature needs an optional dependency."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(f"{feature} needs an optional part: pip install 'metier[{extra}]'")


class EmptyStageError(UserError):
    """A stage would return nothing; ``example`` is what became of one thing that was dropped."""

    def __init__(
        self, stage: str, dropped: Mapping[str, int], *, example: str = "", mend: str = ""
    ) -> None:
        ranked = sorted(dropped.items(), key=lambda item: -item[1])
        counts = ", ".join(f"{step}: {count}" for step, count in ranked) or "nothing came in"
        first = f"; the first: {example}" if example else ""
        advice = f"; {mend}" if mend else ""
        super().__init__(f"{stage} would return nothing; dropped by {counts}{first}{advice}")
