"""A whole recipe: its tables, and what must hold between them."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, model_validator

from metier.recipe.generation import GenerateSettings
from metier.recipe.tables import (
    DEFAULT_RUNGS,
    KNOWLEDGE_RUNGS,
    WRITTEN_RUNGS,
    BudgetSettings,
    ChunkSettings,
    CleaningSettings,
    CurveSettings,
    GateSettings,
    ModelSettings,
    PriceSettings,
    QuestionSettings,
    RetentionSettings,
    RungSettings,
    Section,
    SourceSettings,
    SplitSettings,
    TaskSettings,
)


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
    questions: QuestionSettings | None = None
    generate: GenerateSettings | None = None
    split: SplitSettings = SplitSettings()
    model: ModelSettings = ModelSettings()
    rungs: tuple[RungSettings, ...] = DEFAULT_RUNGS
    """When absent, the ladder that suits the kind of task."""
    retention: RetentionSettings = RetentionSettings()
    gates: GateSettings = GateSettings()
    budget: BudgetSettings = BudgetSettings()
    prices: PriceSettings = PriceSettings()
    curve: CurveSettings = CurveSettings()

    @property
    def usual_ladder(self) -> bool:
        """Whether the rungs are those that suit the kind of task, and none was asked for."""
        return self.rungs in (DEFAULT_RUNGS, WRITTEN_RUNGS, KNOWLEDGE_RUNGS)

    @model_validator(mode="before")
    @classmethod
    def _usual_ladder(cls, value: Any) -> Any:
        if (
            not isinstance(value, dict)
            or "rungs" in value
            or not isinstance(value.get("task"), dict)
        ):
            return value
        if value["task"].get("kind") == "classification":
            return value
        return {
            **value,
            "rungs": KNOWLEDGE_RUNGS if {"questions", "generate"} & set(value) else WRITTEN_RUNGS,
        }

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

    @model_validator(mode="after")
    def _examples_have_an_answer(self) -> Recipe:
        if self.questions is None and self.generate is None and not self.task.label:
            raise ValueError(
                "[task] needs `label`, the column with the right answer, or a table [questions] "
                "or [generate]"
            )
        if self.questions is not None and self.task.label:
            raise ValueError("[task] label and [questions] are two origins of examples; keep one")
        return self
