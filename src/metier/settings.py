"""The recipe's open tables as the parts they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import TypeAdapter

from metier.corpus.deduplicate import Deduplication
from metier.dataset.generate.personas import ANSWERER, ASKER
from metier.dataset.generate.plan import GenerationPlan, Prices
from metier.dataset.generate.rules import PatternRule, written_out
from metier.dataset.split import SplitPlan
from metier.decision.cost import DEFAULT_MACHINE, Machine, TokenPrice
from metier.decision.gates import Gates
from metier.decision.recommend import Terms
from metier.evaluation.suites import Suite, multiple_choice, retention_suites
from metier.methods import method
from metier.methods import names as method_names
from metier.protocols import Source
from metier.recipe import (
    CleaningSettings,
    GenerateSettings,
    PatternSettings,
    PriceSettings,
    Recipe,
    RungSettings,
    SourceSettings,
    SplitSettings,
)
from metier.sources import KINDS, open_source
from metier.sources.described import Description, described
from metier.sources.join import join
from metier.sources.opening import MAGIC
from metier.types import Json


def rung_settings(rung: RungSettings) -> dict[str, Json]:
    """The rung's settings, complete with its method's defaults; one value may stand for a list."""
    defaults = method(rung.method).defaults
    given = {
        key: [value] if _is_list(defaults.get(key)) and not _is_list(value) else _plain(value)
        for key, value in rung.options.items()
    }
    return {**defaults, **given}


def _plain(value: Json) -> Json:
    """TOML's dates as text, as JSON has them."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    return value.isoformat() if isinstance(value, date) else value


def ladder(recipe: Recipe) -> tuple[tuple[RungSettings, ...], dict[str, str]]:
    """The rungs that this base can have, and why the usual ladder's others are left out."""
    left_out: dict[str, str] = {}
    kept = []
    for rung in recipe.rungs:
        settings = rung_settings(rung)
        if tunes_remote_base(recipe, rung):
            left_out[rung.rung] = REMOTE.format(base=recipe.model.base)
        elif settings.get("adapter") in left_out:
            left_out[rung.rung] = f"it reads with the adapter of {settings['adapter']!r}"
        else:
            kept.append(_without_members(rung, left_out))
    return tuple(kept), left_out


def _without_members(rung: RungSettings, left_out: Mapping[str, str]) -> RungSettings:
    members = rung.options.get("members", [])
    if not any(name in left_out for name in members):
        return rung
    return rung.model_copy(update={"members": [name for name in members if name not in left_out]})


REMOTE = (
    "it tunes the base's weights, and {base} runs elsewhere; name a local base in [model] "
    "(`metier models list`), or take the rung out"
)
"""What becomes of such a rung, ``base`` to be filled in."""


def tunes_remote_base(recipe: Recipe, rung: RungSettings) -> bool:
    """Whether the rung would tune weights that run elsewhere."""
    remote = recipe.model.base.startswith("openai:")
    return remote and getattr(method(rung.method), "tunes_base", False)


def _is_list(value: Json) -> bool:
    return isinstance(value, list | tuple)


def located_options(source: SourceSettings, folder: Path) -> dict[str, Json]:
    """A source's options, its relative paths made to start at the recipe's folder."""
    options = source.options
    for key in ("path", "paths"):
        if key in options:
            given = options[key]
            one = isinstance(given, str)
            found = [_located(path, folder) for path in ([given] if one else given)]
            options[key] = found[0] if one else found
    return options


def opened_source(source: SourceSettings, folder: Path) -> Source:
    """The source that a recipe names, with what the recipe says of its documents."""
    opened = open_source(source.kind, located_options(source, folder))
    return described(opened, description(source))


def joined_sources(sources: Sequence[SourceSettings], folder: Path) -> Source:
    """All sources of a recipe as one."""
    opened = [opened_source(one, folder) for one in sources]
    return join(opened, [_name(one) for one in sources])


def _name(source: SourceSettings) -> str | None:
    """The last part of where a source lies, whose ids may be told apart by it.

    None for a stream: what comes later goes by the ids that it gives.
    """
    if source.kind == "stream":
        return None
    given = source.options.get("path") or source.options.get("paths") or source.kind
    first = given if isinstance(given, str) else given[0]
    parts = [part for part in first.split("/") if part and not set(part) & set(MAGIC)]
    return parts[-1] if parts else source.kind


def description(source: SourceSettings) -> Description:
    """What a recipe says of a source's documents."""
    return Description(
        tier=source.tier,
        tenant=source.tenant,
        entity=source.entity,
        valid_from=source.valid_from,
        valid_to=source.valid_to,
        snapshots=source.snapshots,
    )


def deduplication(settings: CleaningSettings) -> Deduplication:
    """Which documents count as said before."""
    near = settings.near_duplicates
    return Deduplication(settings.exact_duplicates, near=near > 0, threshold=near or 1.0)


def split_plan(settings: SplitSettings) -> SplitPlan:
    """How the examples are split."""
    return SplitPlan(
        by=settings.by,
        column=settings.column or None,
        test=settings.test,
        dev=settings.dev,
        per_class=settings.rows_per_class,
        dev_per_class=settings.dev_rows_per_class,
        test_items=settings.test_items,
    )


def pattern_rule(rule: PatternSettings, forms: Mapping[str, str]) -> PatternRule:
    """A rule with its forms written out; ``DataError`` where it is no regular expression then."""
    return PatternRule(written_out(rule.find, forms), rule.question, rule.kind)


def generation_plan(recipe: Recipe) -> GenerationPlan:
    """What is asked about the documents, of whom and how much."""
    asked = recipe.generate or GenerateSettings()
    teacher = asked.teacher or recipe.model.base
    prices = recipe.prices.models
    return GenerationPlan(
        asker=asked.asker or teacher,
        answerer=asked.answerer or teacher,
        reader=teacher if asked.reader == "teacher" else asked.reader,
        checker=teacher if asked.checker == "teacher" else asked.checker,
        embedder=recipe.model.embedder,
        asker_persona=asked.asker_persona or ASKER,
        answerer_persona=asked.answerer_persona or ANSWERER,
        subject=asked.subject,
        menu=asked.menu.budgets,
        patterns=asked.patterns,
        rules=tuple(pattern_rule(rule, asked.forms) for rule in asked.rules),
        least=asked.least,
        questions=asked.questions,
        minutes=asked.minutes,
        dollars=asked.dollars,
        prices={name: Prices(one.input, one.output) for name, one in prices.items()},
        agreement=asked.agreement,
        support=asked.support,
        batch=asked.batch,
        seed=recipe.seed,
    )


def remote_settings(recipe: Recipe) -> dict[str, Any]:
    """How long and how often remote models are asked, where the recipe says so."""
    asked = recipe.generate or GenerateSettings()
    given = {"timeout": asked.timeout, "retries": asked.retries}
    return {key: value for key, value in given.items() if value is not None}


def suites(recipe: Recipe, folder: Path) -> list[Suite]:
    """The retention suites, metier's own first; the files' paths start at the recipe's folder."""
    settings, seed = recipe.retention, recipe.seed
    written = {suite.name: suite for suite in retention_suites(seed)}
    files = [
        multiple_choice(folder / file, limit=settings.items_per_file, seed=seed)
        for file in settings.files
    ]
    return [*(written[name] for name in settings.suites), *files]


def rate(prices: PriceSettings, base: str | None) -> TokenPrice | Machine | None:
    """What a rung on this base model pays: by the token where it has a price, else by the hour.

    None for a remote model without a price: its seconds are another machine's.
    """
    remote = prices.models.get(base or "")
    if remote is not None:
        return TokenPrice(remote.input, remote.output, remote.cached, source="recipe")
    if base and base.startswith("openai:"):
        return None
    return replace(DEFAULT_MACHINE, dollars_per_hour=prices.machine_dollars_per_hour)


def terms(recipe: Recipe, metric: str, train_seconds: Mapping[str, float]) -> Terms:
    """What the verdict is about, what a rung must keep to be shipped, and what training cost."""
    gates, per_second = recipe.gates, recipe.prices.machine_dollars_per_hour / 3600
    return Terms(
        metric=metric,
        gates=Gates(
            gates.least_quality,
            gates.most_forgetting,
            gates.most_dollars_per_thousand,
            gates.most_seconds,
        ),
        calls_per_month=recipe.prices.calls_per_month,
        training_dollars={rung: seconds * per_second for rung, seconds in train_seconds.items()},
    )


def _located(path: str, folder: Path) -> str:
    return path if "://" in path else str(folder / Path(path).expanduser())


def recipe_schema() -> dict[str, Json]:
    """JSON Schema of a recipe, with the options of each kind of source and method."""
    schema = Recipe.model_json_schema()
    rung = schema["$defs"]["RungSettings"]
    rung["properties"]["method"]["enum"] = method_names()
    for name in method_names():
        for key, default in method(name).defaults.items():
            rung["properties"].setdefault(key, {"default": default, "description": f"Of {name}."})
    options = schema["$defs"]["SourceSettings"]["properties"]
    for kind, shape in KINDS.items():
        for key, type_ in get_type_hints(shape).items():
            described = {**TypeAdapter(type_).json_schema(), "description": f"Of {kind}."}
            options.setdefault(key, described)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
