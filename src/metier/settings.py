"""The recipe's tables against the parts they name, and as those parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from metier.corpus.clean import make_step
from metier.corpus.deduplicate import Deduplication
from metier.dataset.generate.personas import ANSWERER, ASKER
from metier.dataset.generate.plan import SPANS, TEXT, GenerationPlan, PatternRule, Prices
from metier.dataset.split import SplitPlan
from metier.decision.cost import DEFAULT_MACHINE, Machine, TokenPrice
from metier.decision.gates import Gates
from metier.decision.recommend import Terms
from metier.errors import DataError, ModelFileError, ModelNotFoundError, RecipeError
from metier.evaluation.suites import Suite, multiple_choice, retention_suites
from metier.methods import method
from metier.methods import names as method_names
from metier.models.names.resolve import check_name
from metier.protocols import Source
from metier.recipe import (
    CleaningSettings,
    GenerateSettings,
    PriceSettings,
    Recipe,
    RungSettings,
    SourceSettings,
    SplitSettings,
    nearest,
    problem_at,
)
from metier.retrieval.authority.dates import iso_date
from metier.sources import KINDS, open_source
from metier.sources.described import Description, described
from metier.toml_lines import KeyPath
from metier.types import Json


def check_settings(recipe: Recipe, text: str, file: str, *, models: bool = False) -> None:
    """Raise RecipeError with every unknown method, rung setting, step or source option at once.

    With ``models``, every unknown model too, as ``resolve`` would find it; nothing is fetched.
    """
    found = [
        *_rung_problems(recipe),
        *_remote_problems(recipe),
        *_step_problems(recipe),
        *_source_problems(recipe),
        *_name_problems(recipe),
        *_rule_problems(recipe),
        *_release_problems(recipe),
        *_file_problems(recipe, Path(file).absolute().parent),
        *(_model_problems(recipe) if models else ()),
    ]
    if found:
        raise RecipeError([problem_at(path, said, text, file) for path, said in found])


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
        if _tunes_remote_base(recipe, rung):
            left_out[rung.rung] = _REMOTE.format(base=recipe.model.base)
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


_REMOTE = (
    "it tunes the base's weights, and {base} runs elsewhere; name a local base in [model] "
    "(`metier models list`), or take the rung out"
)


def _tunes_remote_base(recipe: Recipe, rung: RungSettings) -> bool:
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
        rules=tuple(PatternRule(rule.find, rule.question, rule.kind) for rule in asked.rules),
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


def rate(prices: PriceSettings, base: str | None) -> TokenPrice | Machine:
    """What a rung on this base model pays: by the token where it has a price, else by the hour."""
    remote = prices.models.get(base or "")
    if remote is not None:
        return TokenPrice(remote.input, remote.output, remote.cached, source="recipe")
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


Finding = tuple[KeyPath, str]


def _rung_problems(recipe: Recipe) -> Iterator[Finding]:
    for position, rung in enumerate(recipe.rungs):
        path: KeyPath = ("rungs", position)
        try:
            known = method(rung.method).defaults
        except DataError as error:
            yield (*path, "method"), str(error)
            continue
        for key, value in rung.options.items():
            if key not in known:
                yield (*path, key), "unknown key" + nearest(key, list(known))
            elif not _is_like(value, known[key]):
                yield (*path, key), f"must be like its default {known[key]!r}, not {value!r}"


def _remote_problems(recipe: Recipe) -> Iterator[Finding]:
    """Rungs that were asked for although this base cannot have them."""
    known = method_names()
    for position, rung in enumerate(() if recipe.usual_ladder else recipe.rungs):
        if rung.method in known and _tunes_remote_base(recipe, rung):
            yield ("rungs", position, "method"), _REMOTE.format(base=recipe.model.base)


def _is_like(value: Json, default: Json) -> bool:
    """Whether both are of one kind; one value may stand where the default is a list of such."""
    if default is None:
        return True
    if _is_list(default):
        return isinstance(value, list) or any(_is_like(value, one) for one in default)
    if isinstance(default, float):
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return type(value) is type(default)


def _step_problems(recipe: Recipe) -> Iterator[Finding]:
    for position, step in enumerate(recipe.cleaning.steps):
        try:
            make_step(step.name, step.options)
        except DataError as error:
            yield ("cleaning", "steps", position), str(error)


def _source_problems(recipe: Recipe) -> Iterator[Finding]:
    for position, source in enumerate(recipe.sources):
        try:
            open_source(source.kind, source.options)
            TypeAdapter(KINDS[source.kind]).validate_python(source.options)
        except DataError as error:
            yield ("sources", position), str(error)
        except ValidationError as error:
            for fault in error.errors():
                key = fault["loc"][0] if fault["loc"] else ""
                yield ("sources", position, key), f"{fault['msg']}, got {fault['input']!r}"
        if source.snapshots and not source.valid_from:
            yield ("sources", position, "snapshots"), "needs `valid_from`, the snapshots' dates"
        if source.valid_from and (
            recipe.cleaning.exact_duplicates or recipe.cleaning.near_duplicates
        ):
            yield (
                ("sources", position, "valid_from"),
                "versions of one text look like duplicates and would be dropped; set [cleaning] "
                "exact_duplicates = false and near_duplicates = 0",
            )


def _name_problems(recipe: Recipe) -> Iterator[Finding]:
    """Names that must be those of suites or of the recipe's own rungs."""
    suites = [suite.name for suite in retention_suites(recipe.seed)]
    rungs = [rung.rung for rung in recipe.rungs]
    asked: list[tuple[KeyPath, Sequence[str], list[str]]] = [
        (("retention", "suites"), recipe.retention.suites, suites)
    ]
    if "curve" in recipe.model_fields_set:
        asked.append((("curve", "rungs"), recipe.curve.rungs, rungs))
    for path, names, known in asked:
        for name in names:
            if name not in known:
                yield path, f"{name!r} is unknown" + nearest(name, known)


def _rule_problems(recipe: Recipe) -> Iterator[Finding]:
    rules = recipe.generate.rules if recipe.generate else ()
    for position, rule in enumerate(rules):
        try:
            PatternRule(rule.find, rule.question, rule.kind)
        except DataError as error:
            yield ("generate", "rules", position, "find"), str(error)
    if recipe.generate and recipe.generate.dollars is not None:
        plan = generation_plan(recipe)
        for name in dict.fromkeys([plan.asker, plan.answerer, plan.reader, plan.checker]):
            if name not in (SPANS, TEXT) and name not in recipe.prices.models:
                yield ("generate", "dollars"), f"there is no price of {name!r} in [prices.models]"


def _file_problems(recipe: Recipe, folder: Path) -> Iterator[Finding]:
    """Files that are read last; that one is missing should not be found out hours later."""
    asked = recipe.questions
    if asked and "://" not in asked.path and not (folder / asked.path).exists():
        yield ("questions", "path"), f"there is no file {folder / asked.path}"
    for position, name in enumerate(recipe.retention.files):
        if not (folder / name).is_file():
            yield ("retention", "files", position), f"there is no file {folder / name}"
    for position, rung in enumerate(recipe.rungs):
        names = rung.options.get("names")
        if isinstance(names, str) and names and not (folder / names).is_file():
            yield ("rungs", position, "names"), f"there is no file {folder / names}"


def _release_problems(recipe: Recipe) -> Iterator[Finding]:
    for position, rung in enumerate(recipe.rungs):
        releases = rung.options.get("releases")
        for name, day in releases.items() if isinstance(releases, dict) else ():
            try:
                iso_date(day)
            except DataError as error:
                yield ("rungs", position, "releases", name), str(error)


def _model_problems(recipe: Recipe) -> Iterator[Finding]:
    """Models that cannot be had; to find that out after the documents were read is late."""
    for path, name in _models_named(recipe):
        remote = name.startswith("openai:") and path != ("model", "embedder")
        try:
            if name and not remote:
                check_name(name)
        except (ModelNotFoundError, ModelFileError) as error:
            yield path, str(error)


def _models_named(recipe: Recipe) -> Iterator[tuple[KeyPath, str]]:
    yield ("model", "base"), recipe.model.base
    yield ("model", "embedder"), recipe.model.embedder
    for position, rung in enumerate(recipe.rungs):
        yield ("rungs", position, "reranker"), str(rung.options.get("reranker", ""))
    if recipe.generate is not None:
        asked = recipe.generate
        yield ("generate", "teacher"), asked.teacher
        yield ("generate", "asker"), asked.asker
        yield ("generate", "answerer"), asked.answerer
        yield ("generate", "reader"), "" if asked.reader in _READERS else asked.reader


_READERS = ("spans", "teacher")
"""What ``[generate] reader`` may be beside a model's name."""


def recipe_schema() -> dict[str, Json]:
    """JSON Schema of a recipe, with the settings of each method that is installed."""
    schema = Recipe.model_json_schema()
    rung = schema["$defs"]["RungSettings"]
    rung["properties"]["method"]["enum"] = method_names()
    for name in method_names():
        for key, default in method(name).defaults.items():
            rung["properties"].setdefault(key, {"default": default, "description": f"Of {name}."})
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
