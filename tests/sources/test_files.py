"""Whole files become documents, with title, place and the way back to the page."""

import gzip
import os

import docx
import pytest
from docx.oxml import OxmlElement
from docx.oxml.ns import qn

from metier.corpus.ingest import ingest
from metier.errors import SourceError
from metier.recipe import SourceSettings
from metier.settings import joined_sources
from metier.sources import FileSource, TableSource
from metier.sources.docx import read_docx
from metier.sources.pdf import UnreadablePdfError, read_pdf
from metier.sources.plain_text import NotTextError, decode_text


def read(paths, **options):
    malformed = []
    documents = list(FileSource(paths, **options).documents(malformed.append))
    return documents, malformed


def make_pdf(pages, *, title="", extra=b"", trailer=b""):
    """A PDF by hand: Helvetica 12, each line of a page 20 points below the one before.

    A page that is given as bytes has them as its content.
    """
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    kids = []
    for lines in pages:
        shown = b"".join(
            b"1 0 0 1 72 %d Tm (%s) Tj\n" % (700 - 20 * n, line.encode())
            for n, line in enumerate(() if isinstance(lines, bytes) else lines)
        )
        stream = lines if isinstance(lines, bytes) else b"BT /F1 12 Tf\n" + shown + b"ET"
        number = len(objects) + 1
        kids.append(b"%d 0 R" % number)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents %d 0 R /Resources "
            b"<< /Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >> >>"
            % (number + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    objects[1] = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b" ".join(kids), len(kids))
    objects.append(b"<< /Title (%s) >>" % title.encode())
    info = len(objects)
    if extra:
        objects.append(extra)
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R /Info %d 0 R %s >>\n" % (
        len(objects) + 1, info, trailer,
    )  # fmt: skip
    return out + b"startxref\n%d\n%%%%EOF" % start


def test_pdf_lines_lead_back_to_page_and_box():
    pdf = read_pdf(make_pdf([["First line", "Second line"], ["On page two"]], title="A title"))
    assert pdf.title == "A title"
    assert pdf.text == "First line\nSecond line\n\fOn page two\n"
    found = [(pdf.text[r.start : r.end], r.page, r.box) for r in pdf.regions]
    assert [(text, page) for text, page, _ in found] == [
        ("First line", 1), ("Second line", 1), ("On page two", 2),
    ]  # fmt: skip
    left, bottom, right, top = found[1][2]
    assert 70 < left < 75 and 675 < bottom < 681 and 120 < right < 160 and 685 < top < 692


SCAN = b"q 200 0 0 200 72 500 cm BI /W 1 /H 1 /BPC 8 /CS /G ID \x00 EI Q"


def test_scanned_pages_among_others_are_named(tmp_path):
    (tmp_path / "a.pdf").write_bytes(make_pdf([["Cover"], SCAN, SCAN, [], ["Annex"], SCAN]))
    (tmp_path / "b.pdf").write_bytes(make_pdf([["Cover"], SCAN]))
    documents, malformed = read(tmp_path)
    assert [d.text for d in documents] == ["Cover\n\f\f\f\fAnnex\n\f", "Cover\n\f"]
    assert [m.reason.partition(":")[0] for m in malformed] == [
        "pages 2-3, 6 have no text layer",
        "page 2 has no text layer",
    ]


def test_pdf_of_matplotlib_keeps_end_of_line_hyphens_and_rare_characters(tmp_path):
    import matplotlib

    with matplotlib.rc_context({"pdf.fonttype": 42}):
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 4))
        figure.text(0.1, 0.8, "naïve – 𝔸 x")
        figure.text(0.1, 0.3, "hyphen-\nated words")
        figure.savefig(tmp_path / "a.pdf", metadata={"Title": "Plot"})
    (document,), _ = read(tmp_path)
    lines = [document.text[r.start : r.end] for r in document.regions]
    assert lines == ["naïve – 𝔸 x", "hyphen-", "ated words"]
    assert (document.title, document.id, document.uri) == ("Plot", "a.pdf", "a.pdf")


def test_pdfs_that_cannot_be_read_say_why():
    with pytest.raises(UnreadablePdfError, match="no text layer: run OCR first"):
        read_pdf(make_pdf([[]]))
    with pytest.raises(UnreadablePdfError, match="broken"):
        read_pdf(b"%PDF-1.4 and nothing else")
    encrypt = (
        b"<< /Filter /Standard /V 1 /R 2 /O <" + b"11" * 32 + b"> /U <" + b"22" * 32 + b"> /P -4 >>"
    )
    locked = make_pdf([["x"]], extra=encrypt, trailer=b"/Encrypt 6 0 R /ID [<00> <00>]")
    with pytest.raises(UnreadablePdfError, match="password"):
        read_pdf(locked)


def test_word_documents_keep_paragraphs_and_tables_in_order(tmp_path):
    made = docx.Document()
    made.add_paragraph("Before")
    made.add_heading("The heading", level=2)
    table = made.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("a", "b"), ("c", "d")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    made.add_paragraph("After")
    made.save(tmp_path / "a.docx")
    (document,), _ = read(tmp_path / "a.docx")
    assert document.text == "Before\n\n## The heading\n\na\tb\nc\td\n\nAfter"
    assert document.title == "The heading"
    merged = table.cell(0, 0).merge(table.cell(0, 1))
    merged.text = "wide"
    made.save(tmp_path / "b.docx")
    assert "wide\nc\td" in read_docx((tmp_path / "b.docx").read_bytes()).text


def put(parent, tag, *, text=None, **attributes):
    """A new element of Word's below ``parent``."""
    element = OxmlElement(tag)
    for name, value in attributes.items():
        element.set(qn(f"w:{name}"), value)
    if text is not None:
        element.text = text
    parent.append(element)
    return element


def test_word_documents_keep_tracked_and_controlled_text(tmp_path):
    made = docx.Document()
    paragraph = made.add_paragraph("The fee is ")
    put(put(put(paragraph._p, "w:ins", id="1", author="x"), "w:r"), "w:t", text="not ")
    put(put(put(paragraph._p, "w:del", id="2", author="x"), "w:r"), "w:delText", text="fully ")
    put(put(put(paragraph._p, "w:moveFrom", id="3"), "w:r"), "w:t", text="here ")
    paragraph.add_run("refundable by ")
    control = put(put(paragraph._p, "w:sdt"), "w:sdtContent")
    put(put(control, "w:r"), "w:t", text="Acme")
    heading = made.add_heading("Parties", level=1)._p
    body = made.element.body
    content = put(put(body, "w:sdt"), "w:sdtContent")
    content.append(heading)
    body.append(content.getparent())
    made.save(tmp_path / "a.docx")
    (document,), _ = read(tmp_path / "a.docx")
    assert document.text == "The fee is not refundable by Acme\n\n# Parties"
    assert document.title == "Parties"


def test_word_tables_keep_what_is_within_and_beside_them(tmp_path):
    made = docx.Document()
    table = made.add_table(rows=3, cols=2)
    table.cell(0, 0).text = "outer"
    inner = table.cell(0, 0).add_table(rows=1, cols=2)
    inner.cell(0, 0).text, inner.cell(0, 1).text = "inner", "most"
    table.cell(0, 1).text = "beside"
    table.cell(1, 0).merge(table.cell(2, 0)).text = "tall"
    table.cell(1, 1).text, table.cell(2, 1).text = "x", "y"
    control = put(put(table._tbl, "w:sdt"), "w:sdtContent")
    control.append(table.rows[2]._tr)
    made.save(tmp_path / "a.docx")
    (document,), _ = read(tmp_path / "a.docx")
    assert document.text == "outer inner most\tbeside\ntall\tx\ntall\ty"


def test_a_folder_gives_titles_and_relative_places(tmp_path):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "page.html").write_text("<title>A &amp; B</title><p>Text</p>")
    (tmp_path / "guide.md").write_text("intro\n\n# The guide\n\ntext")
    (tmp_path / "v1.2 notes.txt").write_text("plain")
    (tmp_path / "packed.txt.gz").write_bytes(gzip.compress(b"packed"))
    (tmp_path / "picture.png").write_bytes(b"\x89PNG")
    documents, malformed = read(tmp_path)
    assert {d.uri: d.title for d in documents} == {
        "guide.md": "The guide",
        "packed.txt.gz": "packed",
        "sub/page.html": "A & B",
        "v1.2 notes.txt": "v1.2 notes",
    }
    assert documents[2].text.startswith("<title>") and not malformed
    assert [d.id for d in read(tmp_path, suffixes=["md"])[0]] == ["guide.md"]
    assert [d.id for d in read(f"{tmp_path}/**/*.html")[0]] == ["sub/page.html"]


def test_a_name_that_is_no_text_is_spelt(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "w") as file:
        file.write("A menu")
    (document,), _ = read(tmp_path)
    assert (document.id, document.title) == ("caf\\xe9.txt", "caf\\xe9")
    ingest(FileSource(tmp_path), tmp_path / "corpus")
    with open(os.fsencode(tmp_path) + b"/caf\xe9.csv", "w") as file:
        file.write("text\nA menu\n")
    (row,) = TableSource(tmp_path).documents(pytest.fail)
    assert row.uri.endswith("caf\\xe9.csv")


def test_a_title_ends_where_its_line_does(tmp_path):
    (tmp_path / "a.md").write_bytes(b"# The title\r\n\r\nText\r\n")
    assert [d.title for d in read(tmp_path)[0]] == ["The title"]


def test_ids_stay_when_the_folder_of_all_paths_is_moved(tmp_path):
    for place in ("here", "there"):
        for folder in ("a", "b/deep"):
            (tmp_path / place / folder).mkdir(parents=True)
            (tmp_path / place / folder / "guide.txt").write_text(folder)
        paths = [tmp_path / place / "a", f"{tmp_path}/{place}/b/*/*.txt"]
        assert [d.id for d in read(paths)[0]] == ["a/guide.txt", "b/deep/guide.txt"]
        assert [d.id for d in read(paths[:1])[0]] == ["guide.txt"]


def test_documents_of_several_sources_have_ids_of_their_own(tmp_path):
    for folder in ("a", "b", "c/b"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "guide.txt").write_text(folder)
        (tmp_path / folder / "data.csv").write_text("text\nthe same\n")
    files = [SourceSettings(kind="files", paths=folder) for folder in ("a", "b", "c/b/*")]
    tables = [SourceSettings(kind="table", path=folder) for folder in ("a", "b")]
    ids = [d.id for d in joined_sources([*files, *tables], tmp_path).documents(pytest.fail)]
    assert ids[:3] == ["guide.txt", "b/guide.txt", "b/guide.txt-2"]
    assert ids[4] == f"b/{ids[3]}"


def test_broken_files_are_reported_and_the_others_read(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"bad \xff")
    (tmp_path / "b.pdf").write_bytes(b"no pdf")
    (tmp_path / "c.docx").write_bytes(b"no docx")
    (tmp_path / "d.docx").write_bytes(b"\xd0\xcf\x11\xe0locked")
    (tmp_path / "e.txt").write_bytes(b" \n")
    (tmp_path / "f.txt").write_text("good")
    documents, malformed = read(tmp_path)
    assert [d.text for d in documents] == ["good"]
    reasons = [m.reason for m in malformed]
    for reason, part in zip(
        reasons, ("byte 4 is not utf-8", "broken", "broken", "password", "no text"), strict=True
    ):
        assert part in reason


def test_a_source_without_any_usable_file_is_an_error(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"bad \xff")
    with pytest.raises(SourceError, match=r"no file can be used.*byte 4"):
        read(tmp_path)
    with pytest.raises(SourceError, match=r"cannot read \.rtf"):
        read(tmp_path, suffixes=[".rtf"])


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-be"])
def test_byte_order_marks_are_obeyed(encoding):
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    assert decode_text((mark + "Grüße").encode(encoding)) == "Grüße"


def test_html_charset_is_obeyed_and_unknown_bytes_are_located():
    page = '<html><meta charset="iso-8859-1"><p>Grüße “'
    assert decode_text(page.encode("cp1252"), html=True) == page
    with pytest.raises(NotTextError, match="byte 2 is not utf-8"):
        decode_text("Grüße".encode("cp1252"))
    with pytest.raises(NotTextError, match="unknown encoding"):
        decode_text(b'<meta charset="martian">x', html=True)
