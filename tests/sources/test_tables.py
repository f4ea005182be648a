"""Rows become documents, whatever the format, and broken rows are reported with their line."""

import csv
import gzip
import io
import json
import os
import sys

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import joined

from metier.errors import DataError, MissingExtraError, SourceError
from metier.sources import TableSource, csv_table
from metier.sources.opening import reading
from metier.sources.rows import Dialect
from metier.sources.text_feed import MAX_CHARACTERS

CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TEXTS = st.text(CHARACTERS, min_size=1).filter(lambda text: not text.isspace())
ROWS = st.lists(st.tuples(TEXTS, st.text(CHARACTERS)), min_size=1, max_size=20)


def read(path, **options):
    malformed = []
    documents = list(TableSource(path, **options).documents(malformed.append))
    return documents, malformed


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def csv_bytes(rows, **dialect):
    out = io.StringIO()
    writer = csv.writer(out, **dialect)
    writer.writerow(["text", "label"])
    writer.writerows(rows)
    return out.getvalue().encode()


def jsonl_bytes(rows):
    lines = (json.dumps({"text": text, "label": label}) for text, label in rows)
    return "\n".join(lines).encode()


def parquet_bytes(rows):
    out = io.BytesIO()
    pq.write_table(pa.table({"text": [r[0] for r in rows], "label": [r[1] for r in rows]}), out)
    return out.getvalue()


WRITERS = {
    ".csv": lambda rows: csv_bytes(rows, quoting=csv.QUOTE_ALL),
    ".tsv": lambda rows: csv_bytes(rows, delimiter="\t", quoting=csv.QUOTE_ALL),
    ".jsonl": jsonl_bytes,
    ".parquet": parquet_bytes,
}
COMPRESS = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}


@pytest.mark.parametrize("suffix", WRITERS)
@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_any_text_comes_back_from_every_format(tmp_path_factory, suffix, rows):
    path = write(tmp_path_factory.mktemp("t") / f"a{suffix}", WRITERS[suffix](rows))
    documents, malformed = read(path, quotes=True)
    assert not malformed
    assert [(d.text, d.metadata["label"]) for d in documents] == rows


@pytest.mark.parametrize("compression", COMPRESS)
@pytest.mark.parametrize("suffix", WRITERS)
def test_compressed_files_give_the_same_documents(tmp_path, suffix, compression):
    rows = [("one\ntwo", "a"), ("drei, vier", "b")]
    packed = COMPRESS[compression](WRITERS[suffix](rows))
    documents, _ = read(write(tmp_path / f"a{suffix}{compression}", packed))
    assert [d.text for d in documents] == ["one\ntwo", "drei, vier"]


@pytest.mark.parametrize("compression", [".gz", ".zst"])
def test_a_cut_off_file_is_an_error_not_a_short_file(tmp_path, compression):
    rows = [(os.urandom(40).hex(), "a") for _ in range(5000)]
    packed = COMPRESS[compression](csv_bytes(rows))
    with pytest.raises(SourceError, match="cut off"):
        read(write(tmp_path / f"a.csv{compression}", packed[: len(packed) // 2]))


FRAGMENTS = st.sampled_from(
    [
        "a",
        "b,c",
        ",",
        '"',
        '""',
        '"x"',
        '"x\ny"',
        "\n",
        "\r\n",
        "\r",
        "é",
        " ",
        "\0",
        "p,q\n",
        '"s",t\n',
    ]
)
BROKEN = st.lists(FRAGMENTS | st.just(b"\xff"), max_size=40).map(
    lambda parts: b"".join(p if isinstance(p, bytes) else p.encode() for p in parts)
)


DIALECTS = [Dialect(sign, quotes) for sign in ",\t" for quotes in (None, True, False)]


def parsed(content, dialect, monkeypatch, *, fast):
    from metier.sources import csv_block
    from metier.sources.text_feed import TextFeed

    reports = []
    with monkeypatch.context() as patch:
        patch.setattr("metier.sources.text_feed.SNIFF", 11)  # the header's bytes only
        if not fast:
            patch.setattr(csv_block, "parse_block", lambda *_: None)
        table_bytes = (b"text,label\n" + content).replace(b",", dialect.delimiter.encode())
        feed = TextFeed(io.BytesIO(table_bytes), uri="x")
        table = csv_table.read_csv(
            feed, uri="x", dialect=dialect, report=lambda line, reason: reports.append(line)
        )
        return list(table.rows), reports


@settings(max_examples=400, deadline=None)
@given(content=BROKEN, dialect=st.sampled_from(DIALECTS))
def test_fast_and_exact_reading_agree_on_anything(content, dialect):
    with pytest.MonkeyPatch.context() as monkeypatch:
        fast = parsed(content, dialect, monkeypatch, fast=True)
        assert fast == parsed(content, dialect, monkeypatch, fast=False)


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, sign=st.sampled_from(";\t|"))
def test_a_quoted_table_is_read_whatever_its_delimiter(tmp_path_factory, rows, sign):
    folder = tmp_path_factory.mktemp("t")
    content = csv_bytes(rows, delimiter=sign, quoting=csv.QUOTE_ALL)
    documents, malformed = read(write(folder / "a.csv", content), quotes=True)
    assert not malformed
    assert [(d.text, d.metadata["label"]) for d in documents] == rows


BARE = [
    ('"Wait, he said', "1"),
    ("good", "0"),
    ('fine, said "she"', "1"),
    ('"Yes" he said', "0"),
    ('"No', "1"),
    ('"a ""doubled"" one"', "0"),
    *[(f"row {n}", "1") for n in range(20)],
]


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_quotes_may_be_text(tmp_path, suffix):
    lines = "\n".join("\t".join(row) for row in [("text", "label"), *BARE])
    documents, malformed = read(write(tmp_path / f"a{suffix}", lines), quotes=False)
    assert not malformed
    assert [(d.text, d.metadata["label"]) for d in documents] == BARE


def test_lines_that_bare_quotes_join_are_reported_with_the_mend(tmp_path):
    content = 'text\tlabel\n"one\ta\ntwo\tb\nthree"\tc\nfour\td\n"x" y\te\n"z\tf\nlast\tg\n'
    documents, malformed = read(write(tmp_path / "a.tsv", content))
    assert [d.text for d in documents] == ["four"]
    assert [m.line for m in malformed] == [2, 6, 7]
    assert all("quotes = false" in m.reason for m in malformed)
    assert "next 2, each of them a row" in malformed[0].reason
    (joined_row, _), _ = read(tmp_path / "a.tsv", quotes=True)
    assert joined_row.text == "one\ta\ntwo\tb\nthree"


def test_a_quoted_field_of_several_lines_is_no_row_of_its_own(tmp_path):
    content = 'text\tlabel\n"two\nlines"\ta\nb\t"x\n"\n'
    documents, malformed = read(write(tmp_path / "a.tsv", content))
    assert not malformed
    assert [(d.text, d.metadata["label"]) for d in documents] == [("two\nlines", "a"), ("b", "x\n")]


def test_a_delimiter_may_be_named(tmp_path):
    path = write(tmp_path / "a.csv", "text;date, place\na;1, b\n")
    documents, _ = read(path, delimiter=";")
    assert [(d.text, d.metadata) for d in documents] == [("a", {"date, place": "1, b"})]
    with pytest.raises(SourceError, match="one character"):
        read(path, delimiter="::")


def test_a_header_that_nothing_divides_keeps_its_own_fault(tmp_path):
    with pytest.raises(SourceError, match="two columns are named 'a'"):
        read(write(tmp_path / "a.csv", "a,a\n1,2\n"))
    with pytest.raises(SourceError, match="never closed"):
        read(write(tmp_path / "b.csv", 'text,"label\n1,2\n'))


def test_parquet_columns_that_nobody_needs_do_not_matter(tmp_path):
    far = pa.array([0, 10**7], pa.date32())
    picture = pa.array([{"bytes": b"\x89PNG\xff"}] * 2)
    shown = pa.array([b"\xff", b"b"])
    columns = {"text": ["a", "b"], "label": ["x", "y"], "day": far, "image": picture, "raw": shown}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    documents, malformed = read(tmp_path / "a.parquet")
    assert not malformed
    assert [d.metadata["day"][-11:] for d in documents] == ["1970-01-01", "29349-01-26"]
    assert [d.metadata["raw"] for d in documents] == [None, "b"]
    documents, malformed = read(tmp_path / "a.parquet", keep=["label"])
    assert [d.metadata for d in documents] == [{"label": "x"}, {"label": "y"}] and not malformed
    documents, malformed = read(tmp_path / "a.parquet", text="raw", keep=[])
    assert [d.text for d in documents] == ["b"]
    assert "not UTF-8" in malformed[0].reason


def test_two_parquet_columns_of_one_name_are_refused_as_in_csv(tmp_path):
    columns = [pa.array(["a"]), pa.array(["b"]), pa.array(["c"])]
    pq.write_table(pa.table(columns, names=["text", "label", "label"]), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match="two columns are named 'label'"):
        read(tmp_path / "a.parquet")


def test_small_blocks_change_nothing(tmp_path, monkeypatch):
    rows = [(f'say "{n}"\n' * (n % 7 + 1), str(n)) for n in range(500)]
    content = csv_bytes(rows).replace(b"\r\n", b"\n")
    broken = content.replace(b'""77""', b'"77"').replace(b'""200""', b'""\xff200""')
    path = write(tmp_path / "a.csv", broken)
    whole = read(path)
    for size in (70, 333, 5000):
        monkeypatch.setattr("metier.sources.text_feed.BLOCK", size)
        monkeypatch.setattr("metier.sources.text_feed.SNIFF", 50)
        assert read(path) == whole
    assert len(whole[1]) >= 2


def test_every_broken_row_is_reported_with_its_line(tmp_path):
    content = (
        b"text,label\n"  # 1
        b'"two\nlines",a\n'  # 2, 3
        b"too,many,columns\n"  # 4
        b"few\n"  # 5
        b",no text\n"  # 6
        b"\n"  # 7
        b"bad \xff byte,a\n"  # 8
        b'"quote "inside" it",a\n'  # 9
        b"good,b\n"  # 10
    )
    documents, malformed = read(write(tmp_path / "a.csv", content))
    assert [d.text for d in documents] == ["two\nlines", "good"]
    assert [m.line for m in malformed] == [4, 5, 6, 8, 9]
    reasons = " | ".join(m.reason for m in malformed)
    for part in ("3 columns", "1 columns", "no text", "0xFF", "not doubled"):
        assert part in reasons


def test_a_quote_that_is_never_closed_says_what_it_swallowed(tmp_path):
    content = 'text,label\ngood,a\n"open,b\n' + "lost,c\n" * 5
    documents, malformed = read(write(tmp_path / "a.csv", content))
    assert [d.text for d in documents] == ["good"]
    assert malformed[0].line == 3
    assert "never closed" in malformed[0].reason and "next 5 lines" in malformed[0].reason


def test_large_and_gigantic_fields(tmp_path):
    big = "x" * 300_000
    huge = "y" * (MAX_CHARACTERS + 1)
    documents, malformed = read(
        write(tmp_path / "a.csv", f'text,label\n"{big}",a\n{huge},b\nlast,c\n')
    )
    assert [len(d.text) for d in documents] == [300_000, 4]
    assert [(m.line, "50,000,000" in m.reason) for m in malformed] == [(3, True)]


def test_jsonl_reports_lines_that_are_no_objects(tmp_path):
    content = (
        b'{"text": "one"}\nnot json\n[1]\n\n{"text": ""}\n{"text": 3}\n{"other": "x"}\n'
        b'{"text": "\xff"}\n{"text": NaN}\n{"text": "\\ud800"}\n{"text": "u\xe2\x80\xa8v"}'
    )
    documents, malformed = read(write(tmp_path / "a.jsonl", content))
    assert [d.text for d in documents] == ["one", "u\u2028v"]
    assert sorted(m.line for m in malformed) == [2, 3, 5, 6, 7, 8, 9, 10]


def test_parquet_values_become_plain_json(tmp_path):
    import datetime

    table = pa.table(
        {
            "text": ["a", None, "c"],
            "when": [datetime.datetime(2024, 1, 2)] * 3,
            "score": [float("nan"), 1.5, 2.0],
            "tags": [["x"], [], None],
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    documents, malformed = read(tmp_path / "a.parquet")
    assert json.loads(json.dumps(dict(documents[0].metadata))) == {
        "when": "2024-01-02T00:00:00", "score": None, "tags": ["x"],
    }  # fmt: skip
    assert [m.line for m in malformed] == [2]


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, extra=ROWS, where=st.integers(0, 20))
def test_ids_do_not_change_when_rows_are_added(tmp_path_factory, rows, extra, where):
    folder = tmp_path_factory.mktemp("t")
    before, _ = read(write(folder / "a.jsonl", jsonl_bytes(rows)))
    after, _ = read(write(folder / "a.jsonl", jsonl_bytes(rows[:where] + extra + rows[where:])))
    assert {d.id for d in before} <= {d.id for d in after}
    added = {text for text, _ in extra}
    names = {(d.id, d.text) for d in after}
    assert all((d.id, d.text) in names for d in before if d.text not in added)
    assert len({d.id for d in after}) == len(after)


def test_equal_texts_get_numbered_ids_the_same_each_time(tmp_path):
    path = write(tmp_path / "a.csv", csv_bytes([("same", "a"), ("same", "b"), ("same", "c")]))
    ids = [d.id for d in read(path)[0]]
    assert ids == [d.id for d in read(path)[0]]
    assert [i.removeprefix(ids[0]) for i in ids] == ["", "-2", "-3"]


def test_a_duplicate_id_names_both_lines(tmp_path):
    rows = 'id,text\n1,a\n2,"b\nb"\n3,c\n2,d\n'
    with pytest.raises(DataError, match=r"'2' is given twice: .*a\.csv:3 and .*a\.csv:6"):
        read(write(tmp_path / "a.csv", rows), id="id")


def test_columns_go_where_they_are_told(tmp_path):
    path = write(tmp_path / "a.csv", "key,body,head,x,y\nk1,text,Title,1,2\n")
    (document,), _ = read(path, text="body", id="key", title="head", keep=["y"])
    assert (document.id, document.text, document.title) == ("k1", "text", "Title")
    assert document.metadata == {"y": "2"}
    assert document.uri == str(path)


def test_a_text_may_stand_in_several_columns(tmp_path):
    rows = [
        {"question": "Which sinks?", "choices": ["cork", "iron"], "note": None, "answer": 1},
        {"question": "Which floats?", "choices": {"A": "cork", "B": 7}, "note": "now", "answer": 0},
        {"question": "", "choices": [], "note": " ", "answer": 0},
    ]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    (first, second), malformed = read(path, text=["question", "choices", "note"])
    assert first.text == "Which sinks?\n\n0. cork\n1. iron"
    assert second.text == "Which floats?\n\nA. cork\nB. 7\n\nnow"
    assert first.metadata["choices"] == ["cork", "iron"]
    assert malformed[0].reason == "no text in the column 'question' and 'choices' and 'note'"


def test_every_column_of_a_text_must_be_there(tmp_path):
    path = write(tmp_path / "a.csv", "subject,body\na,b\n")
    with pytest.raises(SourceError, match="no column 'boddy'; did you mean 'body'"):
        read(path, text=["subject", "boddy"])
    with pytest.raises(SourceError, match="names no column"):
        read(path, text=[])


def test_a_wrong_column_suggests_the_nearest(tmp_path):
    path = write(tmp_path / "a.csv", "Texte,label\nx,y\n")
    with pytest.raises(SourceError, match=r"no column 'text'; did you mean 'Texte'.*label"):
        read(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"\n\n", "blank lines only"),
        ("a.csv", b"text,label\n", "no row can be used"),
        ("a.csv", b"text,text\na,b\n", "two columns are named 'text'"),
        ("a.csv", b"text\na\0b\n", "NUL"),
        ("a.csv", "text\nabc\n".encode("utf-16"), 'encoding = "utf-16"'),
        ("a.csv", bytes(range(128, 256)) * 9, "not UTF-8"),
        ("a.csv", b"PK\x03\x04rest", "zip"),
        ("a.csv.gz", b"text\nplain\n", "cannot be read"),
        ("a.jsonl", b"[\n1\n]\n", "no line of it is a JSON object"),
        ("a.parquet", b"nonsense, more nonsense", "not a whole Parquet file"),
        ("a.parquet", b"", "empty"),
        ("a.xlsx", b"x", "rename or convert"),
    ],
)
def test_files_that_cannot_be_read_say_why(tmp_path, name, content, message):
    with pytest.raises(SourceError, match=message):
        read(write(tmp_path / name, content))


def test_missing_files_suggest_the_nearest(tmp_path):
    write(tmp_path / "reviews.csv", "text\nx\n")
    with pytest.raises(SourceError, match=r"did you mean reviews\.csv"):
        read(tmp_path / "review.csv")
    with pytest.raises(SourceError, match=r"\(1 \.txt\); name a folder with \.csv"):
        write(tmp_path / "sub.txt", "x")
        read(str(tmp_path / "*.txt"))


@pytest.mark.skipif(os.name != "posix", reason="permissions are set in POSIX's way")
def test_no_permission(tmp_path):
    path = write(tmp_path / "a.csv", "text\nx\n")
    path.chmod(0)
    code = "import sys, metier.sources as s; list(s.TableSource(sys.argv[1]).documents(print))"
    done = joined.python(code, path)
    assert f"SourceError: {path}: no permission to read it" in done.stderr


def test_folders_globs_and_urls(tmp_path):
    write(tmp_path / "b.csv", "text\nb\n")
    write(tmp_path / "a.jsonl", '{"text": "a"}')
    write(tmp_path / ".hidden.csv", "text\nhidden\n")
    assert [d.text for d in read(tmp_path)[0]] == ["a", "b"]
    (document,), _ = read(f"{tmp_path}/*.csv")
    assert document.uri == f"{tmp_path}/b.csv"
    assert [d.text for d in read(f"file://{tmp_path}/b.csv")[0]] == ["b"]
    with fsspec.open("memory://folder/a.csv", "wb") as out:
        out.write(b"text\nfrom memory\n")
    assert [d.text for d in read("memory://folder/*.csv")[0]] == ["from memory"]


def test_a_hub_that_cannot_be_reached_is_told_with_how_to_log_in(tmp_path):
    recipe = joined.recipe_text().replace('path = "docs.csv"', 'path = "hf://datasets/no/no/a.csv"')
    (tmp_path / "metier.toml").write_text(recipe, encoding="utf-8")
    done = joined.metier("ingest", cwd=tmp_path, HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr.startswith("error: hf://datasets/no/no/a.csv: cannot be reached (")
    assert "hf auth login" in done.stderr


@pytest.mark.parametrize("url", ["s3://bucket/a.csv", "hf://datasets/no/no/a.csv"])
def test_what_a_remote_driver_refuses_is_told_with_how_to_log_in(url):
    class NoCredentialsError(Exception):
        """As botocore's, which is no OSError."""

    NoCredentialsError.__module__ = "botocore.exceptions"
    mend = {"s3": "AWS_ACCESS_KEY_ID", "hf": "hf auth login"}[url[:2]]
    for error in (NoCredentialsError("Unable to locate credentials"), PermissionError("Forbidden")):
        with pytest.raises(SourceError, match=mend), reading(url):
            raise error


def test_a_url_without_its_driver_names_the_extra_or_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    loaded = sys.modules["fsspec.registry"]._registry
    monkeypatch.delitem(loaded, "s3", raising=False)  # of an earlier test
    with pytest.raises(MissingExtraError, match=r"reading s3://bucket/a\.csv .*metier\[cloud\]"):
        read("s3://bucket/a.csv")
    with pytest.raises(SourceError, match=r"gs://bucket/a\.csv: Please install gcsfs"):
        read("gs://bucket/a.csv")
    with pytest.raises(SourceError, match="check the part before"):
        read("nosuch://bucket/a.csv")


def test_encodings_delimiters_and_byte_order_marks(tmp_path):
    semicolons = "text;label\nGrüße, alle;a\n"
    assert read(write(tmp_path / "a.csv", semicolons))[0][0].text == "Grüße, alle"
    encoded = semicolons.encode("cp1252")
    assert read(write(tmp_path / "b.csv", encoded), encoding="cp1252")[0][0].text == "Grüße, alle"
    wide = semicolons.encode("utf-16")
    assert read(write(tmp_path / "c.csv", wide), encoding="utf-16")[0][0].text == "Grüße, alle"
    marked = "\ufefftext\nx\n".encode()
    assert read(write(tmp_path / "d.csv", marked))[0][0].text == "x"
