"""Answers on one HTML page, with the quoted places of local PDFs marked."""

import base64
import re

import pytest

from metier.corpus.chunk import chunk
from metier.corpus.clean import clean
from metier.retrieval.grounding.ground import ground
from metier.retrieval.grounding.page import answers_page
from metier.sources.files import FileSource
from metier.types import ABSTENTION, Answer, Hit
from tests.sources.test_files import make_pdf

QUESTION = "Who surveyed the river Aar in 1873?"
PAGES = [["The river Aar is 288 km long."], ["Ida Lunt surveyed the river in 1873."]]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers/aar.pdf").write_bytes(make_pdf(PAGES, title="The Aar"))
    return tmp_path / "papers"


def answered(folder, text="Ida Lunt", uri=None):
    (document,) = FileSource(folder).documents(print)
    pieces = chunk(clean(document, []))
    hits = [Hit(piece, 1.0, uri=document.uri if uri is None else uri) for piece in pieces]
    grounded = ground(QUESTION, text, hits=hits)
    return Answer(grounded.text, grounding=grounded.grounding)


def test_the_quoted_page_of_a_local_pdf_is_shown_and_linked(folder):
    page = answers_page([(QUESTION, answered(folder))], documents=folder)
    assert page.startswith("<!doctype html>") and QUESTION in page
    assert f'href="{(folder / "aar.pdf").as_uri()}#page=2"' in page
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert base64.b64decode(picture).startswith(b"\x89PNG")
    assert "“Ida Lunt surveyed the river in 1873.”" in page


def test_answers_without_a_source_say_so_and_a_label_is_shown_as_it_is(folder):
    label = Answer("a & b", probabilities={"a & b": 0.8, "c": 0.2})
    silent = Answer(ABSTENTION, abstained=True)
    asked = [("<b>", answered(folder, "Zebulon")), ("two", label), ("three", silent)]
    page = answers_page(asked, documents=folder)
    assert '<mark class="unsupported" title="no source found">Zebulon</mark>' in page
    assert "a &amp; b" in page and "80 % sure" in page and ABSTENTION in page
    assert "<b>" not in page and "<img" not in page


@pytest.mark.parametrize("uri", ["../secret.pdf", "{outside}", "https://example.org/a.pdf", ""])
def test_nothing_outside_of_the_documents_is_opened(folder, uri):
    outside = folder.parent / "secret.pdf"
    outside.write_bytes(make_pdf(PAGES))
    answer = answered(folder, uri=uri.format(outside=outside))
    assert "<img" not in answers_page([(QUESTION, answer)], documents=folder)


def test_a_pdf_that_cannot_be_shown_says_why(folder):
    answer = answered(folder)
    (folder / "aar.pdf").write_bytes(b"no pdf")
    page = answers_page([(QUESTION, answer)], documents=folder)
    assert "<img" not in page and "cannot be read as a PDF" in page
