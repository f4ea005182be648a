"""What is wrong in a recipe's open tables, found before anything runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from metier.corpus.clean import make_step
from metier.dataset.generate.plan import SPANS, TEXT
from metier.errors import DataError, ModelFileError, ModelNotFoundError, RecipeError
from metier.evaluation.suites import retention_suites
from metier.methods import method
from metier.methods import names as method_names
from metier.methods.limits import out_of_limits
from metier.models.names.resolve import check_name
from metier.recipe import Recipe, nearest, problem_at
from metier.retrieval.authority.dates import iso_date
from metier.settings import REMOTE, generation_plan, pattern_rule, tunes_remote_base
from metier.sources import KINDS, open_source
from metier.toml_lines import KeyPath
from metier.types import Json

_STRICT = ConfigDict(strict=True)
Finding = tuple[KeyPath, str]
_READERS = ("spans", "teacher")
"""What ``[generate] reader`` may be beside a model's name."""


def check_settings(recipe: Recipe, text: str, file: str, *, models: bool = False) -> None:
    """Raise RecipeError with every unknown method, rung setting, step or source option at once.

    With ``models``, every unknown model too, as ``resolve`` would find it; nothing is fetched.
    """
    found = [
        *_rung_problems(recipe),
        *_remote_problems(recipe),
        *_member_problems(recipe),
        *_step_problems(recipe),
        *_source_problems(recipe),
        *_name_problems(recipe),
        *_curve_problems(recipe),
        *_price_problems(recipe),
        *_rule_problems(recipe),
        *_release_problems(recipe),
        *_file_problems(recipe, Path(file).absolute().parent),
        *(_model_problems(recipe) if models else ()),
    ]
    if found:
        raise RecipeError([problem_at(path, said, text, file) for path, said in found])


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
            elif said := out_of_limits(key, value):
                yield (*path, key), said


def _remote_problems(recipe: Recipe) -> Iterator[Finding]:
    """Rungs that were asked for although this base cannot have them."""
    known = method_names()
    for position, rung in enumerate(() if recipe.usual_ladder else recipe.rungs):
        if rung.method in known and tunes_remote_base(recipe, rung):
            yield ("rungs", position, "method"), REMOTE.format(base=recipe.model.base)


def _member_problems(recipe: Recipe) -> Iterator[Finding]:
    """Rungs that another is made of and that do not stand above it; it is built after them."""
    above: list[str] = []
    for position, rung in enumerate(recipe.rungs):
        for key in ("members", "adapter"):
            given = rung.options.get(key) or []
            for name in [given] if isinstance(given, str) else given:
                if name not in above:
                    said = f"{name!r} is no rung above this one" + nearest(str(name), above)
                    yield ("rungs", position, key), said
        above.append(rung.rung)


def _is_like(value: Json, default: Json) -> bool:
    """Whether both are of one kind; one value may stand where the default is a list of such."""
    if default is None:
        return True
    if isinstance(default, list | tuple):
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
        except DataError as error:
            yield ("sources", position), str(error)
            continue
        types = get_type_hints(KINDS[source.kind])
        for key, value in source.options.items():
            try:  # "no" is text: a source takes options as they are
                TypeAdapter(types[key], config=_STRICT).validate_python(value)
            except ValidationError as error:
                yield ("sources", position, key), f"{error.errors()[0]['msg']}, got {value!r}"
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


def _curve_problems(recipe: Recipe) -> Iterator[Finding]:
    """Rungs that cannot be built again from fewer rows, and numbers of rows that are none."""
    if "curve" not in recipe.model_fields_set:
        return
    for rows in recipe.curve.rows_per_class:
        if rows < 1:
            yield (
                ("curve", "rows_per_class"),
                f"{rows} rows of a class teach nothing; use 1 or more",
            )
    known = method_names()
    for rung in recipe.rungs:
        if rung.rung in recipe.curve.rungs and rung.method in known:
            settings = {**method(rung.method).defaults, **rung.options}
            if "members" in settings or settings.get("adapter"):
                said = f"{rung.rung!r} is made of other rungs, and a curve builds each by itself"
                yield ("curve", "rungs"), said


def _price_problems(recipe: Recipe) -> Iterator[Finding]:
    """Prices of models that the recipe does not name; what they were meant for would have none."""
    checker = recipe.generate.checker if recipe.generate else ""
    named = [*(name for _, name in _models_named(recipe)), checker]
    known = [name for name in dict.fromkeys(named) if name]
    for name in recipe.prices.models:
        if name not in known:
            meant = _bare_name_of(name, known) or nearest(name, known)
            yield ("prices", "models", name), f"no model of this recipe is called {name!r}{meant}"


def _bare_name_of(name: str, known: Sequence[str]) -> str:
    """The remote model that a bare name may stand for."""
    alike = [one for one in known if one.partition("@")[0].removeprefix("openai:") == name]
    return f"; did you mean `{alike[0]}`?" if alike else ""


def _rule_problems(recipe: Recipe) -> Iterator[Finding]:
    asked = recipe.generate
    if asked is None:
        return
    sound = True
    for position, rule in enumerate(asked.rules):
        try:
            pattern_rule(rule, asked.forms)
        except DataError as error:
            sound = False
            yield ("generate", "rules", position, "find"), str(error)
    if sound and asked.dollars is not None:
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
