"""What others wrote is printed as they wrote it."""

import pytest

from metier.cli.console import show
from metier.cli.ingest_view import counts, shown_before_and_after
from metier.types import IngestReport
from tests import joined
from tests.cli.console import call

ODD = "Who wrote to [email]? [/b] :smile: [bold]"


def test_a_text_is_no_markup(capsys):
    show(ODD)
    assert capsys.readouterr().out == f"{ODD}\n"


def test_a_long_line_stays_one_where_a_program_reads(capsys):
    show("word " * 60 + "/a/path")
    assert capsys.readouterr().out.count("\n") == 1


def test_counts_and_previews_show_documents_as_they_are(capsys):
    show(counts(IngestReport("v", 1, 1, (), 0, (), {ODD: 1})))
    steps = [{"step": "quotes", "taken": [ODD], "after": ODD}]
    show(shown_before_and_after([{"document": ODD, "before": ODD, "steps": steps}]))
    told = capsys.readouterr().out
    assert told.count(ODD) == 5
    assert "quotes took out" in told


@pytest.mark.parametrize("column", ["kind [/b]", "[red]"])
def test_a_column_may_be_called_anything(tmp_path, monkeypatch, column):
    rows = [{**row, column: row["module"]} for row in joined.documented()]
    for row in rows:
        del row["module"]
    joined.write_rows(tmp_path / "docs.csv", rows)
    monkeypatch.chdir(tmp_path)
    done = call("new", "docs.csv")
    assert done.code == 0
    assert column in done.out
