"""A look at a file tells its columns, what they are for and which task they suggest."""

import json
import os
from pathlib import Path

import pytest

from metier.errors import DataError, SourceError
from metier.protocols import Source
from metier.sources import look, open_source

DATA = Path(os.environ.get("METIER_DATA", Path(__file__).parents[2] / "../shared/data"))
ROWS = [
    f"k{n},2024-01-{n % 28 + 1:02d},author {n % 7},The quick brown fox jumps {n} times,"
    f"{'red' if n % 2 else 'blue'},{'train' if n % 5 else 'test'},"
    for n in range(60)
]


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["key,date,author,body,colour,split,nothing", *ROWS, "broken"]))
    return path


def test_columns_are_guessed_with_reasons(table):
    shape = look(table)
    uses = {guess.use: guess.column for guess in shape.guesses}
    assert uses == {
        "split": "split", "id": "key", "time": "date", "text": "body", "label": "colour",
        "group": "author",
    }  # fmt: skip
    assert all(guess.reason for guess in shape.guesses)
    assert shape.task is not None and shape.task.kind == "classification"
    assert shape.column_for("text") == "body" and shape.column_for("title") is None


@pytest.mark.parametrize(("subject", "use"), [("Anatomy,Chemistry", "label"), ("", "title")])
def test_a_subject_that_many_texts_share_is_no_title(tmp_path, subject, use):
    shared = subject.split(",")
    rows = [
        f"{shared[n % len(shared)] or f'About case {n}'},This is what was asked about case {n}"
        for n in range(40)
    ]
    path = tmp_path / "a.csv"
    path.write_text("\n".join(["subject,text", *rows]))
    assert look(path).column_for(use) == "subject"


def test_columns_are_measured(table):
    shape = look(table)
    columns = {column.name: column for column in shape.columns}
    assert (shape.rows, shape.whole, len(shape.malformed)) == (60, True, 1)
    assert columns["colour"].distinct == 2 and columns["colour"].common[0][1] == 30
    assert columns["nothing"].type == "empty" and columns["nothing"].empty == 1
    assert columns["date"].type == "time"


def test_only_the_first_rows_are_read(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"question": "What is it?", "answer": "a short one"}\n' * 5001)
    shape = look(path)
    assert (shape.rows, shape.whole) == (5000, False)
    assert shape.task is not None and shape.task.kind == "short_answer"


BARE_QUOTES = ['"Wait', 'she said "yes"', '"No" he said', "plain", '"Never']


@pytest.mark.parametrize(
    ("name", "lines", "lost"),
    [
        ("a.tsv", [f"{text}\t{n % 2}" for n in range(8) for text in BARE_QUOTES], 25),
        ("a.csv", [f"{text},{n % 2}" for n in range(8) for text in BARE_QUOTES], 25),
        ("a.csv", [f'"row, {n}",{n % 2}' for n in range(30)] + ['"x" y,1'], 0),
        ("a.csv", [f'"row {n}","{n % 2}"' for n in range(30)] + ['"x" y,"1"'], 0),
        ("a.tsv", [f'"the ""{n}"""\t1\nplain\t0\nmore\t1' for n in range(9)] + ['"x" y\t1'], 0),
        ("a.csv", ['"two\nlines",1', "too,many,columns"] * 9, 0),
        ("a.csv", ['1,"Dear all\nI write, again"', "0,plain", "too,many,columns"], 0),
    ],
)
def test_quotes_are_text_where_they_would_lose_rows(tmp_path, name, lines, lost):
    path = tmp_path / name
    sign = "\t" if name == "a.tsv" else ","
    path.write_text(f"text{sign}label\n" + "\n".join(lines))
    shape = look(path)
    assert shape.lost_to_quotes == lost
    if lost:
        assert shape.rows == len(lines) and not shape.malformed


def test_a_folder_is_counted(tmp_path):
    for name in ("a.txt", "b.txt", "c.pdf"):
        (tmp_path / name).write_text("x")
    shape = look(tmp_path)
    assert shape.files == {".pdf": 1, ".txt": 2} and not shape.columns
    (tmp_path / "x.bin").write_text("x")
    with pytest.raises(SourceError, match="cannot tell what this is"):
        look(tmp_path / "x.bin")


def asked(tmp_path, rows):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return look(path)


def test_a_question_is_read_with_its_choices(tmp_path):
    rows = [
        {"kind": "mcq"[n % 3], "question": f"Which of them is {n}?", "choices": [n, n + 1],
         "answer": n % 2, "answer_text": str(n)}
        for n in range(20)
    ]  # fmt: skip
    shape = asked(tmp_path, rows)
    assert shape.columns_for("text") == ("question", "choices")
    assert shape.task is not None
    assert (shape.task.kind, shape.task.column) == ("classification", "answer")


def test_questions_on_one_text_stay_together(tmp_path):
    rows = [
        {
            "context": f"Long text number {n // 5}.",
            "question": f"What is {n}?",
            "answers": [f"a{n}"],
        }
        for n in range(20)
    ]
    shape = asked(tmp_path, rows)
    assert shape.columns_for("text") == ("question", "context")
    assert shape.column_for("group") == "context"
    assert shape.task is not None
    assert (shape.task.kind, shape.task.column) == ("short_answer", "answers")


def test_two_questions_on_one_text_are_enough_to_stay_together(tmp_path):
    rows = [
        {"passage": f"Long text number {max(n, 1)}.", "question": f"Is it {n}?", "answer": n % 2}
        for n in range(20)
    ]
    assert asked(tmp_path, rows).column_for("group") == "passage"
    assert asked(tmp_path, rows[1:]).column_for("group") is None


def test_the_answers_of_questions_that_repeat_are_no_labels_of_another_column(tmp_path):
    rows = [{"input": f"Sum {n} up, please.", "task": "xy"[n % 2], "target": f"it is {n}"}
            for n in range(20)]  # fmt: skip
    shape = asked(tmp_path, rows)
    assert shape.task is not None
    assert (shape.task.kind, shape.task.column) == ("short_answer", "target")


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "text", "label", "task"),
    [
        ("newsgroups20/train.jsonl.gz", "text", "category", "classification"),
        ("general_bbh/eval.jsonl", "input", "target", "short_answer"),
        ("general_gsm8k/test.jsonl", "question", "answer", "free_text"),
        ("general_squad/squad_zh.jsonl.gz", "question context", "answers", "short_answer"),
        ("med_medqa/test.jsonl", "question choices", "answer", "classification"),
        ("med_medquad/qa.jsonl.gz", "question", "answer", "free_text"),
        ("med_pubmedqa/test.jsonl", "question contexts", "answer", "classification"),
        ("sft_instructions/code_alpaca.jsonl.gz", "instruction input", "output", "free_text"),
    ],
)
def test_real_sets_are_understood(name, text, label, task):
    if not (DATA / name).exists():
        pytest.skip(f"no {name} in {DATA}; set METIER_DATA")
    shape = look(DATA / name)
    assert shape.task is not None
    assert (" ".join(shape.columns_for("text")), shape.task.column) == (text, label)
    assert shape.task is not None and shape.task.kind == task


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,text\n", "no row below it"),
        ("id,text\nbroken\n", "no row can be used; the first, line 2: "),
    ],
)
def test_a_table_without_rows_is_refused(tmp_path, content, message):
    (tmp_path / "a.csv").write_text(content)
    with pytest.raises(SourceError, match=message):
        look(tmp_path / "a.csv")


def test_a_device_or_a_pipe_is_not_called_missing(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in ("/dev/null", tmp_path / "pipe"):
        with pytest.raises(SourceError, match="neither a file nor a folder"):
            look(path)


def test_sources_are_opened_by_kind(table):
    source = open_source("table", {"path": str(table), "text": "body"})
    assert isinstance(source, Source)
    assert len(list(source.documents(lambda _: None))) == 60
    assert isinstance(open_source("python_docs", {}), Source)
    assert isinstance(open_source("files", {"paths": "."}), Source)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("tabel", {}, "did you mean 'table'"),
        ("table", {"path": "a.csv", "txt": "b"}, "no option 'txt'; did you mean 'text'"),
        ("table", {}, "needs the option 'path'"),
    ],
)
def test_wrong_kinds_and_options_suggest_the_nearest(kind, options, message):
    with pytest.raises(DataError, match=message):
        open_source(kind, options)
