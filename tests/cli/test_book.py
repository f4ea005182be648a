"""What a server wrote down can be read from the command line."""

import json

import pytest
from typer.testing import CliRunner

from metier.cli.main import app
from metier.serving.gate.access import create_key
from metier.serving.records.book import Book


@pytest.fixture
def book(tmp_path):
    written = Book(tmp_path / "book")
    create_key(written, "shop", tenant="acme")
    written.add_feedback("r1", "acme", "", {"thumb": "down", "comment": "[red]No\x1b[2J"})
    written.add_feedback("r2", "bolt", "", {"thumb": "up"})
    return written


def told(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def test_feedback_is_listed_of_all_or_of_one_tenant(book):
    rows = json.loads(told("feedback", "--book", book.path, "--json").output)
    assert [row["response"] for row in rows] == ["r1", "r2"]
    shown = told("feedback", "--book", book.path, "--tenant", "acme").output
    assert "[red]No" in shown and "\x1b" not in shown and "r2" not in shown


def test_the_audit_log_is_listed(book):
    rows = json.loads(told("audit", "--book", book.path, "--json").output)
    assert [row["action"] for row in rows] == ["create key"]
    assert "create key" in told("audit", "--book", book.path).output


READERS = ["feedback", "audit", "keys list", "keys revoke x", "prompts list"]


@pytest.mark.parametrize("verb", READERS)
def test_a_book_that_is_not_there_is_not_made(tmp_path, verb):
    answer = told(*verb.split(), "--book", tmp_path / "none")
    assert answer.exit_code == 2 and not (tmp_path / "none").exists()
