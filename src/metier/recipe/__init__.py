"""``metier.toml`` as typed models: its tables, and how it is read."""

from __future__ import annotations

from metier.recipe.generation import GenerateSettings, MenuSettings, PatternSettings
from metier.recipe.reading import nearest, parse_recipe, problem_at, read_recipe
from metier.recipe.tables import (
    DEFAULT_RUNGS,
    EMBEDDED_EMBEDDER,
    EMBEDDED_MODEL,
    CleaningSettings,
    PriceSettings,
    QuestionSettings,
    RungSettings,
    Section,
    SourceSettings,
    SplitSettings,
)
from metier.recipe.whole import Recipe

__all__ = [
    "DEFAULT_RUNGS",
    "EMBEDDED_EMBEDDER",
    "EMBEDDED_MODEL",
    "CleaningSettings",
    "GenerateSettings",
    "MenuSettings",
    "PatternSettings",
    "PriceSettings",
    "QuestionSettings",
    "Recipe",
    "RungSettings",
    "Section",
    "SourceSettings",
    "SplitSettings",
    "nearest",
    "parse_recipe",
    "problem_at",
    "read_recipe",
]
