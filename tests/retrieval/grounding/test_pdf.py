"""A citation opens the page of a PDF with the quoted lines marked."""

import zlib

import numpy as np
import pytest

from metier.errors import DataError, SourceError
from metier.retrieval.grounding.pdf import marked_page
from metier.sources.pdf import read_pdf
from metier.types import Span


@pytest.fixture(scope="module")
def pdf(tmp_path_factory):
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    file = tmp_path_factory.mktemp("pdf") / "two.pdf"
    with mpl.rc_context({"pdf.fonttype": 42}), PdfPages(file) as pages:
        for said in ("The river Aar is long.", None):
            page = Figure(figsize=(4, 3))
            if said:
                page.text(0.1, 0.5, said)
            pages.savefig(page)
    return file


def pixels(png):
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
    length = int.from_bytes(png[33:37], "big")
    rows = np.frombuffer(zlib.decompress(png[41 : 41 + length]), np.uint8)
    return rows.reshape(height, 1 + 3 * width)[:, 1:].reshape(height, width, 3)


def test_the_quoted_line_is_marked_and_nothing_else(pdf):
    (line,) = read_pdf(pdf.read_bytes()).regions
    plain = pixels(marked_page(pdf, Span("d", 0, 5, 1), scale=1))
    marked = pixels(marked_page(pdf, Span("d", 0, 5, 1, line.box), scale=1))
    rows, columns = np.nonzero((plain != marked).any(axis=2))
    left, bottom, right, top = line.box
    height = marked.shape[0]
    assert abs(columns.min() - left) < 5
    assert abs(columns.max() - right) < 5
    assert abs(rows.min() - (height - top)) < 5
    assert abs(rows.max() - (height - bottom)) < 5


def test_a_page_without_a_text_layer_says_so(pdf):
    with pytest.raises(DataError, match="no text layer"):
        marked_page(pdf, Span("d", 0, 5, 2, (0, 0, 10, 10)))


def test_a_page_or_file_that_is_not_there_is_named(pdf, tmp_path):
    with pytest.raises(DataError, match="no page 7"):
        marked_page(pdf, Span("d", 0, 5, 7))
    broken = tmp_path / "broken.pdf"
    broken.write_bytes(b"no pdf")
    with pytest.raises(SourceError, match="broken"):
        marked_page(broken, Span("d", 0, 5, 1))
