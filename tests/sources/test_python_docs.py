"""The interpreter's own documentation, each entry once, with the names that give it away."""

import contextlib
import io
import re
from collections import Counter

import pytest

from metier.errors import SourceError
from metier.sources import PythonDocsSource


def read(**options):
    malformed = []
    return list(PythonDocsSource(**options).documents(malformed.append)), malformed


@pytest.fixture(scope="module")
def library():
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        documents, malformed = read()
    assert not printed.getvalue()
    return documents, malformed


def test_there_are_thousands_of_distinct_entries(library):
    documents, malformed = library
    assert len(documents) > 1900  # without tkinter and turtle, which a system may lack
    assert len({d.id for d in documents}) == len({d.text for d in documents}) == len(documents)
    assert min(len(d.text) for d in documents) >= 60
    modules = Counter(d.metadata["module"] for d in documents)
    assert sum(count >= 60 for count in modules.values()) >= 8
    assert all("cannot be imported here" in m.reason for m in malformed)


def test_the_order_and_the_contents_are_stable():
    options = {"packages": ["email", "json"]}
    assert read(**options) == read(**options)


def test_an_entry_carries_the_names_that_give_it_away(library):
    entry = next(d for d in library[0] if d.id == "email.message.Message.get_payload")
    assert entry.metadata["module"] == "email"
    assert entry.metadata["kind"] == "method"
    assert entry.metadata["signature"] == "(self, i=None, decode=False)"
    assert {"email", "message", "Message", "get_payload"} <= set(entry.metadata["names"])
    pattern = "|".join(map(re.escape, entry.metadata["names"]))
    assert not re.search(r"\bget_payload\b", re.sub(pattern, "", entry.text))


def test_signatures_hold_no_addresses(library):
    assert not [d.id for d in library[0] if " at 0x" in d.metadata["signature"]]


def test_topics_come_when_asked_for():
    documents, _ = read(packages=["json"], topics=True)
    assert any(d.id == "topics.lambda" for d in documents)


@pytest.mark.parametrize("package", ["numpy", "antigravity", "nosuch"])
def test_only_the_standard_library_is_read(package):
    with pytest.raises(SourceError, match=package):
        read(packages=[package])
