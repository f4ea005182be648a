"""The tables of ``metier.toml`` as typed models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

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

    kind: Literal["table", "files", "python_docs", "stream"]
    """``table`` (CSV, TSV, JSONL, Parquet), ``files`` (txt, md, html, pdf, docx),
    ``python_docs`` (the documentation of the running interpreter's standard library) or
    ``stream`` (JSON lines with upserts and deletes, from a file that grows or a socket)."""
    tier: str = ""
    """How authoritative its documents are, by a name of your choice (``curated``)."""
    tenant: str = ""
    """Whose they are, and nobody else sees them; empty for everybody's."""
    entity: str = ""
    """The column with the key of what a document is about."""
    valid_from: str = ""
    """The column with the date from which a document holds."""
    valid_to: str = ""
    """The column with the date from which it holds no more; when empty, it holds until the next
    document on the same entity."""
    snapshots: bool = False
    """Each date of ``valid_from`` is one of the whole source: what the next lacks has ended."""


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
    """Characters that a passage repeats of the one before; at most half of ``size``."""

    @model_validator(mode="after")
    def _goes_on(self) -> ChunkSettings:
        if 2 * self.overlap > self.size:
            raise ValueError(
                f"overlap = {self.overlap} is more than half of size = {self.size}; take a lower "
                "overlap or a larger size"
            )
        return self


class TaskSettings(Section):
    """What the specialist has to do."""

    kind: TaskKind
    """One of a closed set of labels, a few words to be matched exactly, or text of any length."""
    instruction: str
    """One or two sentences, as one would tell a new colleague."""
    label: str = ""
    """The column or property of the documents that holds the right answer, or a list of answers of
    which any is right; none where the examples are ``[questions]`` about the documents."""
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


class QuestionSettings(Section):
    """Examples that are questions about the documents, not the documents themselves."""

    path: str
    """A table of questions: CSV, TSV, JSONL or Parquet."""
    question: str = "question"
    """The column with the question."""
    answer: str = "answer"
    """The column with the right answer, or a list of answers of which any is right. A row without
    one cannot be answered from the documents: right is to say so."""
    id: str | None = None
    """A column of unique ids; made from file and question when absent."""
    document: str = ""
    """The column with the id of the document that holds the answer; questions about one document
    never stand on both sides of a split."""
    kind: str = ""
    """A column whose values are measured apart too, for instance ``forward`` and ``reverse``."""
    encoding: str = "utf-8"
    """Of a text file, by Python's name for it."""
    delimiter: str | None = None
    """As of a source of kind ``table``."""
    quotes: bool | None = None
    """As of a source of kind ``table``."""


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
    """Cosine above which a training row counts as a copy of a test item and is dropped; at 0.95
    two texts say the same. What repeats an item word for word is dropped at any value."""

    @model_validator(mode="after")
    def _leaves_rows_to_train_on(self) -> SplitSettings:
        if self.test + self.dev >= 1:
            raise ValueError(
                f"test = {self.test:g} and dev = {self.dev:g} leave nothing to train on; use "
                "shares whose sum is below 1"
            )
        return self


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
    """0.03 means: at least 97 % of the base's score on every retention suite. A rung fails where
    the whole interval of what it kept lies below."""
    most_dollars_per_thousand: Annotated[float, Field(ge=0)] | None = None
    """US dollars per thousand calls."""
    most_seconds: Annotated[float, Field(gt=0)] | None = None
    """Mean seconds a call, asked in batches."""


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


def _ladder(*rungs: tuple[str, str, dict[str, Any]]) -> tuple[RungSettings, ...]:
    return tuple(RungSettings(method=method, name=name, **own) for name, method, own in rungs)


DEFAULT_RUNGS = _ladder(
    ("majority", "majority", {}),
    ("tfidf", "tfidf", {}),
    ("embedding", "embedding", {}),
    ("zero-shot", "prompt", {}),
    ("few-shot", "few_shot", {"selection": "random"}),
    ("few-shot-nearest", "few_shot", {"selection": "nearest"}),
    ("lora", "lora", {}),
    ("blend", "blend", {"members": ["tfidf", "embedding", "lora"]}),
)
"""The ladder of a classification whose recipe names no rungs."""

WRITTEN_RUNGS = _ladder(
    ("zero-shot", "prompt", {}),
    ("few-shot", "few_shot", {"selection": "random"}),
    ("few-shot-nearest", "few_shot", {"selection": "nearest"}),
    ("lora", "lora", {"replay": 0.1}),
)
"""The same where the answers are written."""

KNOWLEDGE_RUNGS = _ladder(
    ("closed-book", "prompt", {}),
    ("long-context", "long_context", {}),
    ("retrieve", "retrieve", {}),
    ("retrieve-few-shot", "retrieve", {"shots": 3}),
    ("tuned", "lora", {"documents": 1, "open_book": 0.3, "replay": 0.1}),
    ("tuned-retrieve", "retrieve", {"adapter": "tuned"}),
)
"""The same where examples are questions about the documents."""
