"""What the pages say is what the code does."""

import re
import shlex
import tomllib
from pathlib import Path
from pkgutil import resolve_name
from textwrap import dedent

import pytest
from docs import reference
from typer.testing import CliRunner

from metier.cli.main import app
from metier.problems import check_settings
from metier.recipe import Recipe

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^)\s]+)\)")
ROOMS = {path.stem for path in (ROOT / "src/metier").iterdir() if path.name[0] != "_"} - {"py"}
DOTTED = re.compile(r"(?<![\w./-])(?:metier\.)?([a-z]+(?:\.[A-Za-z_]\w*)+)")
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^\1```", re.M | re.S)


def test_reference_pages_are_what_the_code_says():
    assert [str(p) for p, text in reference.pages().items() if p.read_text("utf-8") != text] == []


def test_every_key_of_the_recipe_has_a_meaning():
    text = (ROOT / "docs/reference/recipe.md").read_text("utf-8")
    recipe, _, _ = text.partition("## Methods")
    assert [line for line in recipe.splitlines() if line.endswith("|  |")] == []


def test_every_error_stands_in_the_tree():
    text = (ROOT / "docs/reference/errors.md").read_text("utf-8")
    tree = next(body for _, kind, body in BLOCK.findall(text) if kind == "text")
    named = re.findall(r"^\| `(\w+)` \|", text, re.M)
    assert len(named) > 10
    assert [name for name in named if name not in tree] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.S)
    targets = [link.partition("#")[0] for link in LINK.findall(text)]
    local = [target for target in targets if target and "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_dotted_names_lead_somewhere(page):
    code = " ".join(re.findall(r"`([^`\n]+)`", page.read_text("utf-8")))
    named = {name for name in DOTTED.findall(code) if name.split(".")[0] in ROOMS}
    assert sorted(name for name in named if not is_there(f"metier.{name}")) == []


def is_there(name: str) -> bool:
    """Whether this is a module, a file's name, or something in a module."""
    module, _, inside = name.rpartition(".")
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        return inside in ("py", "json") and is_there(module)
    return True


def test_readme_tree_is_the_disk():
    text = (ROOT / "README.md").read_text("utf-8")
    tree = next(body for _, kind, body in BLOCK.findall(text) if kind == "tree")
    rooms = [line.split()[0] for line in tree.splitlines() if line.startswith("  ")]
    folders = [line.split()[0] for line in tree.splitlines() if not line.startswith(" ")]
    assert sorted(rooms) == rooms_on_disk()
    assert all((ROOT / folder).is_dir() for folder in folders)


def test_design_lists_the_rooms_of_the_disk():
    text = (ROOT / "docs/design.md").read_text("utf-8")
    assert sorted(re.findall(r"^\| `([\w./]+)` \|", text, re.M)) == rooms_on_disk()


def rooms_on_disk() -> list[str]:
    inside = [path for path in (ROOT / "src/metier").iterdir() if not path.name.startswith("__")]
    files = [path.name for path in inside if path.suffix == ".py"]
    return sorted([*files, *(f"{path.name}/" for path in inside if any(path.glob("*.py")))])


def test_every_verb_stands_in_the_readme():
    text = (ROOT / "README.md").read_text("utf-8")
    groups = [group.name for group in app.registered_groups]
    verbs = [verb.callback.__name__ for verb in app.registered_commands]
    assert [verb for verb in [*verbs, *groups] if f"| `metier {verb}` |" not in text] == []


def recipe_blocks() -> list[str]:
    text = (ROOT / "docs/tutorials/your_own_model.md").read_text("utf-8")
    return [dedent(body) for _, kind, body in BLOCK.findall(text) if kind == "toml"]


@pytest.mark.parametrize("block", recipe_blocks())
def test_recipe_blocks_are_valid(block):
    needed = {
        "name": "page",
        "sources": [{"kind": "python_docs"}],
        "task": {"kind": "classification", "instruction": "Which?", "label": "module"},
    }
    recipe = Recipe.model_validate({**needed, **tomllib.loads(block)})
    check_settings(recipe, block, "metier.toml")


def test_first_tutorial_explains_the_numbers_that_it_shows():
    text = (ROOT / "docs/tutorials/first_specialist.md").read_text("utf-8")
    shown = next(body for _, kind, body in BLOCK.findall(text) if kind == "text")
    explained = re.findall(r"^\*\*([^*]*\d[^*]*?)\.?\*\*", text, re.M)
    assert len(explained) >= 6
    assert [number for number in explained if number not in " ".join(shown.split())] == []


@pytest.mark.models
def test_first_tutorial_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs/tutorials/first_specialist.md").read_text("utf-8")
    for _, kind, body in BLOCK.findall(text):
        if kind == "python":
            exec(compile(body, "first_specialist.md", "exec"), {})
        elif kind == "console":
            told_as_shown(body)
    assert (tmp_path / ".metier/report.html").exists()


def told_as_shown(block: str) -> None:
    """Run the block's command; each line that it shows begins as a line of the real output."""
    command, *shown = block.rstrip().splitlines()
    program, *words = shlex.split(command.removeprefix("$ "))
    assert program == "metier"
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    told = {line.split()[0] for line in result.output.splitlines() if line.strip()}
    assert {line.split()[0] for line in shown} <= told
