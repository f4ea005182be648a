"""What an adapter is tuned on beside its rows."""

import pytest

from metier.corpus.in_memory import MemoryCorpus
from metier.errors import DataError
from metier.methods.tuning.mixture import DEFAULTS, mixture
from metier.protocols import FitContext
from metier.types import Document, Example, Task

PORTS = ("Hollin", "Torrin", "Varn", "Wexley")
ROWS = tuple(
    Example(f"q{n}", f"Who built the harbour of {port} long ago?", f"Guild {n}", origin=port)
    for n, port in enumerate(PORTS)
)
CORPUS = MemoryCorpus(
    [Document(port, f"Guild {n} built it.", title=port) for n, port in enumerate(PORTS)]
)


def asked(tmp_path, train=ROWS, **settings):
    context = FitContext(
        task=Task("short_answer", "Answer."),
        train=train,
        dev=(),
        base="",
        embedder="",
        models=None,
        workdir=tmp_path,
        settings={**DEFAULTS, **settings},
        seed=3,
        corpus=CORPUS,
    )
    rows, others = mixture(context)
    assert not others
    plain = [(row.text, row.answer) for row in rows[: len(train)]]
    assert plain == [(row.input, row.target) for row in train], "the rows themselves come first"
    return rows[len(train) :]


def test_by_default_nothing_is_mixed_in(tmp_path):
    assert asked(tmp_path) == []


def test_open_book_rows_have_the_right_passage_among_wrong_ones(tmp_path):
    rows = asked(tmp_path, open_book=1, wrong_passages=2)

    assert len(rows) == len(ROWS)
    for row in rows:
        shown = row.text.partition("\n\nWho")[0]
        assert f"{row.answer} built it." in shown
        assert shown.count("built it.") == 3
        assert not row.cut, "passages are not cut at the limit of an input"


def test_a_share_of_the_rows_comes_again_in_fewer_words(tmp_path):
    rows = asked(tmp_path, terse=0.5)

    assert len(rows) == 2
    for row in rows:
        (whole,) = (one for one in ROWS if one.target == row.answer)
        assert whole.origin in row.text
        assert len(row.text.split()) < len(whole.input.split())
    assert rows == asked(tmp_path, terse=0.5), "the same seed draws the same"


def test_a_row_that_cannot_be_said_in_fewer_words_does_not_come_twice(tmp_path):
    assert asked(tmp_path, [Example("q", "what is asthma?", "A disease.")], terse=1) == []


def test_documents_are_rows_as_often_as_is_said(tmp_path):
    rows = asked(tmp_path, documents=2)

    assert sorted(row.answer for row in rows) == sorted(
        2 * [f"Guild {n} built it." for n in range(len(PORTS))]
    )


@pytest.mark.parametrize(
    ("name", "share"), [("open_book", 2), ("terse", -0.1), ("terse", 1.5), ("replay", 1)]
)
def test_what_is_no_share_is_refused_by_its_name(tmp_path, name, share):
    with pytest.raises(DataError, match=f"{name} = {share:g} is a share of rows"):
        asked(tmp_path, **{name: share})
