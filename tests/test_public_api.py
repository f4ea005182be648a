"""What `import metier` offers, and what it must not cost."""

import subprocess
import sys
from pathlib import Path

import pytest

import metier
from tests import joined

HEAVY = ("torch", "transformers", "openvino", "sklearn", "scipy", "lance", "pandas", "pyarrow")


def loaded_by(code):
    """Which of the heavy modules stand in ``sys.modules`` after this code."""
    told = f"{code}\nimport sys\nprint(*(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", told],
        env=joined.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()[-1].split()


def calling(*arguments):
    """Code that runs the command."""
    return f"""
import sys
from metier.cli.main import app
sys.argv = ["metier", *{arguments!r}]
try:
    app()
except SystemExit as stop:
    assert not stop.code
"""


def test_importing_metier_loads_nothing_heavy():
    assert loaded_by("import metier") == []


def test_help_loads_nothing_heavy():
    assert loaded_by(calling("--help")) == []


def test_a_recipe_is_checked_without_an_engine(tmp_path):
    folder = joined.write_project(tmp_path / "project")
    loaded = loaded_by(calling("recipe", "check", str(folder)))
    assert not {"torch", "transformers", "openvino", "lance"} & set(loaded)


def test_every_public_name_is_there_and_listed_in_order():
    assert metier.__all__ == sorted(set(metier.__all__))
    assert dir(metier) == metier.__all__
    for name in metier.__all__:
        assert getattr(metier, name) is not None
    star = {}
    exec("from metier import *", star)
    assert set(metier.__all__) <= set(star)


def test_every_public_name_has_a_docstring():
    named = [getattr(metier, name) for name in metier.__all__ if name != "__version__"]
    assert [thing for thing in named if not thing.__doc__] == []


def test_names_that_type_checkers_see_are_those_that_there_are():
    source = Path(metier.__file__).read_text(encoding="utf-8")
    seen = source.partition("if TYPE_CHECKING:")[2].partition("def __getattr__")[0]
    declared = {line.split(" as ")[1] for line in seen.splitlines() if " as " in line}
    assert declared == set(metier.__all__) - {"__version__"}


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'metier' has no attribute 'learn'"):
        metier.learn  # noqa: B018
    with pytest.raises(ImportError, match="learn"):
        exec("from metier import learn")


def test_a_place_may_be_a_path_or_its_text(tmp_path):
    folder = joined.write_project(tmp_path / "project")
    assert metier.read_recipe(str(folder)) == metier.read_recipe(folder)
    assert metier.Project(str(folder / "made")).path == folder / "made"


def test_a_result_without_a_specialist_and_a_text_alone_are_told_in_words():
    with pytest.raises(metier.UserError, match="no rung was recommended"):
        metier.load(None)
    with pytest.raises(metier.UserError, match="into a list"):
        metier.docs_to_qa("One text.")
