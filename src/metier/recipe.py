"""``metier.toml`` as typed models: read it, and report every problem at once with its line."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metier.errors import Problem, RecipeError
from metier.toml_lines import KeyPath, key_lines
from metier.types import Task, TaskKind

EMBEDDED_MODEL = "smollm2-135m-instruct"
EMBEDDED_EMBEDDER = "all-minilm-l6-v2"


class Section(BaseModel):
    """A table of the recipe: unknown keys are errors, values do not change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class OpenSection(Section):
    """A table whose further keys belong to the part that it names; that part checks them."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    @property
    def options(self) -> dict[str, Any]:
        """The further keys."""
        return dict(self.model_extra or {})


class SourceSettings(OpenSection):
    """Where documents come from. Further keys are options of the kind (``text = "body"``)."""

    kind: Literal["table", "files", "python_docs"]
    """``table`` (CSV, TSV, JSONL, Parquet), ``files`` (txt, md, html, pdf, docx) or
    ``python_docs`` (the documentation of the running interpreter's standard library)."""


class StepSettings(OpenSection):
    """One cleaning step. Further keys are options of the step."""

    name: str
    """The step, such as ``mail_headers``; docs/reference/recipe.md lists them."""


class CleaningSettings(Section):
    """What is taken out of the documents before anything reads them."""

    steps: tuple[StepSettings, ...] = ()
    """In this order; a bare name stands for a step without options."""
    exact_duplicates: bool = True
    """Keep only the first of documents whose text is equal but for case and white space."""
    near_duplicates: Annotated[float, Field(ge=0, le=1)] = 0.7
    """Keep only the first of documents whose word 5-grams overlap by this Jaccard similarity or
    more; 0 keeps them all."""

    @model_validator(mode="before")
    @classmethod
    def _bare_names(cls, value: object) -> object:
        if isinstance(value, dict) and isinstance(value.get("steps"), list):
            steps = [{"name": s} if isinstance(s, str) else s for s in value["steps"]]
            return {**value, "steps": steps}
        return value


class ChunkSettings(Section):
    """How documents are cut into passages, in characters."""

    size: Annotated[int, Field(ge=100)] = 1200
    """The longest passage."""
    overlap: Annotated[int, Field(ge=0)] = 150
    """Characters that a passage repeats of the one before."""


class TaskSettings(Section):
    """What the specialist has to do."""

    kind: TaskKind
    """One of a closed set of labels, a few words to be matched exactly, or text of any length."""
    instruction: str
    """One or two sentences, as one would tell a new colleague."""
    label: str
    """The column or property that holds the right answer."""
    labels: tuple[str, ...] = ()
    """The closed set of answers; when empty, all values of ``label`` in the documents."""
    group: str = ""
    """Documents with the same value of this column never stand on both sides of the split."""
    role: str = ""
    """A system message, for instance "You are a paralegal."."""
    max_input_tokens: Annotated[int, Field(ge=8)] = 256
    """Longer inputs are cut for the language model."""
    max_answer_tokens: Annotated[int, Field(ge=1)] = 64
    """Where a written answer stops."""

    def task(self, labels: Sequence[str]) -> Task:
        """The task as the rungs see it, with the labels that were found."""
        return Task(
            kind=self.kind,
            instruction=self.instruction,
            labels=tuple(self.labels or labels) if self.kind == "classification" else (),
            role=self.role,
            max_input_tokens=self.max_input_tokens,
            max_answer_tokens=self.max_answer_tokens,
        )


class SplitSettings(Section):
    """What trains, what chooses, what grades."""

    by: Literal["document", "entity", "time", "given"] = "document"
    """What never stands on two sides: a document (or its ``[task] group``) or a column's value; or
    the newest rows grade; or a column says who stands where."""
    column: str = ""
    """The entity, the time, or the given split's name, for the last three kinds."""
    test: Annotated[float, Field(gt=0, lt=1)] = 0.2
    """The share that grades."""
    dev: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """The share on which rungs choose their settings and checkpoints."""
    rows_per_class: Annotated[int, Field(ge=1)] | None = None
    """Draw this many training rows per label; all when absent."""
    dev_rows_per_class: Annotated[int, Field(ge=1)] | None = None
    """Draw this many dev rows per label; the share ``dev`` when absent."""
    test_items: Annotated[int, Field(ge=1)] | None = None
    """Draw this many test items; all when absent."""
    overlap_threshold: Annotated[float, Field(gt=0, le=1)] = 0.95
    """Cosine from which a training row counts as a copy of a test item and is dropped."""


class ModelSettings(Section):
    """The base model that prompts and adapters use, and the embedder."""

    base: str = EMBEDDED_MODEL
    """A directory, a GGUF file, a hub's name, an embedded model's name, or
    ``openai:MODEL@BASE_URL``."""
    engine: Literal["openvino", "transformers"] = "openvino"
    """What runs a local base: OpenVINO on the CPU, or transformers, on a GPU when it sees one."""
    embedder: str = EMBEDDED_EMBEDDER
    """A directory, a hub's name or an embedded model's name."""


class RungSettings(OpenSection):
    """One rung of the ladder. Further keys are settings of its method."""

    method: str
    """Which method builds it; docs/reference/recipe.md lists them with their settings."""
    name: str = ""
    """Its name in the report; the method's name when empty."""

    @property
    def rung(self) -> str:
        """The name on the ladder."""
        return self.name or self.method


class RetentionSettings(Section):
    """What a tuned rung must not forget."""

    suites: tuple[str, ...] = ("instructions", "arithmetic", "formats", "general")
    """Suites that come with metier."""
    files: tuple[str, ...] = ()
    """Further suites: multiple-choice files (``question``, ``choices``, ``answer``)."""
    items_per_file: Annotated[int, Field(ge=10)] = 200
    """Questions drawn from each of ``files``."""


class GateSettings(Section):
    """Conditions without which a rung is not shipped."""

    least_quality: Annotated[float, Field(ge=0, le=1)] | None = None
    """Of the verdict's metric: accuracy, exact match or token F1, by the task's kind."""
    most_forgetting: Annotated[float, Field(ge=0, le=1)] | None = None
    """0.03 means: at least 97 % of the base's score on every retention suite."""
    most_dollars_per_thousand: Annotated[float, Field(ge=0)] | None = None
    """US dollars per thousand calls."""
    most_seconds: Annotated[float, Field(gt=0)] | None = None
    """Mean seconds per call."""


class BudgetSettings(Section):
    """Where to stop; a rung that does not fit is left out and named in the report."""

    minutes: Annotated[float, Field(gt=0)] | None = None
    """No rung is begun later than this after the start."""


class TokenPrice(Section):
    """Dollars per million tokens of one remote model."""

    input: Annotated[float, Field(ge=0)]
    """Tokens of the prompt."""
    output: Annotated[float, Field(ge=0)]
    """Tokens of the answer."""
    cached: Annotated[float, Field(ge=0)] | None = None
    """Prompt tokens that the provider's cache supplied; as ``input`` when absent."""


class PriceSettings(Section):
    """What calls and machines cost."""

    machine_dollars_per_hour: Annotated[float, Field(ge=0)] = 0.10
    """The machine that runs the local rungs; the default is about what two rented cores cost."""
    calls_per_month: Annotated[float, Field(gt=0)] | None = None
    """What you expect; the verdict then says whether a rung pays back."""
    models: dict[str, TokenPrice] = Field(default_factory=dict)
    """Prices of remote models, by the name in ``[model] base``."""


class CurveSettings(Section):
    """The learning curve by rows per class."""

    rows_per_class: tuple[int, ...] = (8, 16, 32)
    """Rungs are built again from so many rows; empty for no curve."""
    rungs: tuple[str, ...] = ("tfidf", "embedding")
    """Which rungs; the cheap ones by default."""


DEFAULT_RUNGS = tuple(
    RungSettings(method=method, name=name, **settings)
    for name, method, settings in (
        ("majority", "majority", {}),
        ("tfidf", "tfidf", {}),
        ("embedding", "embedding", {}),
        ("zero-shot", "prompt", {}),
        ("few-shot", "few_shot", {"selection": "random"}),
        ("few-shot-nearest", "few_shot", {"selection": "nearest"}),
        ("lora", "lora", {}),
        ("blend", "blend", {"members": ["tfidf", "embedding", "lora"]}),
    )
)
"""The ladder of a recipe that names no rungs."""


class Recipe(Section):
    """A whole ``metier.toml``."""

    name: str
    """What the report is called."""
    seed: int = 0
    """Every random choice starts here."""
    sources: Annotated[tuple[SourceSettings, ...], Field(min_length=1)]
    cleaning: CleaningSettings = CleaningSettings()
    chunks: ChunkSettings = ChunkSettings()
    task: TaskSettings
    split: SplitSettings = SplitSettings()
    model: ModelSettings = ModelSettings()
    rungs: tuple[RungSettings, ...] = DEFAULT_RUNGS
    retention: RetentionSettings = RetentionSettings()
    gates: GateSettings = GateSettings()
    budget: BudgetSettings = BudgetSettings()
    prices: PriceSettings = PriceSettings()
    curve: CurveSettings = CurveSettings()

    @model_validator(mode="after")
    def _rung_names_differ(self) -> Recipe:
        names = [rung.rung for rung in self.rungs]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two rungs are called {twice[0]!r}; give each a `name` of its own")
        return self

    @model_validator(mode="after")
    def _split_has_its_column(self) -> Recipe:
        if self.split.by != "document" and not self.split.column:
            raise ValueError(f"[split] by = {self.split.by!r} needs `column`")
        return self


def read_recipe(path: Path) -> Recipe:
    """Read and check a recipe; raises RecipeError with all problems at once."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        message = "no such file; `metier new DATA` writes a recipe from your data"
        raise RecipeError([Problem(str(path), None, "", message)]) from None
    except IsADirectoryError:
        return read_recipe(path / "metier.toml")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError([Problem(str(path), None, "", f"cannot be read: {error}")]) from error
    return parse_recipe(text, file=str(path))


def parse_recipe(text: str, *, file: str = "metier.toml") -> Recipe:
    """Check a recipe given as text."""
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError([_syntax_problem(str(error), file)]) from None
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        lines = key_lines(text)
        errors = [dict(e) for e in error.errors()]
        causes = [e for e in errors if not _follows_from_another(e, errors)]
        raise RecipeError([_problem(e, file, lines) for e in causes]) from None


def nearest(word: str, known: Sequence[str]) -> str:
    """A hint that names the nearest known spelling, or all of them when few."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; known: {', '.join(sorted(known))}" if 0 < len(known) <= 20 else ""


def dotted(path: KeyPath) -> str:
    """A key path as a person writes it: ``rungs[2].rank``."""
    text = ""
    for part in path:
        text += f"[{part + 1}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _syntax_problem(message: str, file: str) -> Problem:
    text, _, place = message.partition(" (at line ")
    line = int(place.split(",")[0]) if place else None
    return Problem(file, line, "", f"not valid TOML: {text}")


def _problem(error: dict[str, Any], file: str, lines: Mapping[KeyPath, int]) -> Problem:
    path: KeyPath = tuple(p for p in error["loc"] if not _is_union_branch(p))
    line = line_of(path, lines)
    match error["type"]:
        case "extra_forbidden":
            message = "unknown key" + nearest(str(path[-1]), _keys_at(path[:-1]))
        case "missing":
            message = "is missing"
        case "literal_error":
            expected = error["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            message = f"{error['input']!r} is not allowed" + nearest(
                str(error["input"]), [e.strip() for e in expected]
            )
        case "value_error":
            message = str(error["ctx"]["error"])
        case _:
            message = f"{error['msg']}, got {error['input']!r}"
    return Problem(file, line, dotted(path), message)


def _follows_from_another(error: dict[str, Any], errors: Sequence[dict[str, Any]]) -> bool:
    """Whether the table itself is only wrong because something in it is."""
    depth = len(error["loc"])
    return (
        any(len(e["loc"]) > depth and e["loc"][:depth] == error["loc"] for e in errors)
        and error["type"] != "value_error"
    )


def _is_union_branch(part: object) -> bool:
    return isinstance(part, str) and ("[" in part or part in {"float", "int", "constrained-float"})


def _keys_at(path: KeyPath) -> list[str]:
    """The keys that the recipe knows in the table at ``path``."""
    model: Any = Recipe
    for part in path:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next((c for c in candidates if _is_section(c)), Section)
    return list(model.model_fields)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, Section)
