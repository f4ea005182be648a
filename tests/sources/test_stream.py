"""Streams: upserts and deletes from a growing file or a socket, from any position on."""

import json
import os
import socket
import threading
from contextlib import contextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metier.errors import SourceError
from metier.protocols import Source
from metier.sources import StreamSource, open_source


def line(id, text=None, **more):
    row = {"id": id, "op": "delete"} if text is None else {"id": id, "text": text}
    return json.dumps(row | more, ensure_ascii=False) + "\n"


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "stream.jsonl"
    path.write_text(
        line("a", "one", tag=1)
        + line("b", "two")
        + line("a", "three")
        + line("b")
        + line("c", "é"),
        encoding="utf-8",
    )
    return path


@contextmanager
def server(*sent):
    """A socket that sends these bytes to its one client, then closes; gives what it was asked."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            connection, _ = listening.accept()
            with connection:
                asked.append(connection.recv(1000))
                for data in sent:
                    connection.sendall(data)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"tcp://127.0.0.1:{listening.getsockname()[1]}", asked
        thread.join(5)


def standing(source):
    broken = []
    return [(one.id, one.text) for one in source.documents(broken.append)], broken


def first(source, count, **more):
    """The first updates that come."""
    broken, found = [], []
    for batch in source.updates(broken.append, poll_seconds=0.01, **more):
        found += batch
        if len(found) >= count:
            break
    return found, broken


def test_the_contract_of_a_source_is_kept(file):
    source = open_source("stream", {"path": str(file)})
    assert isinstance(source, Source)
    assert standing(source) == ([("a", "three"), ("c", "é")], [])
    assert standing(source) == standing(source)
    document = next(source.documents(lambda bad: None))
    assert document.uri == str(file)
    assert document.metadata == {}


def test_what_cannot_be_used_is_reported_with_its_line(file):
    with file.open("a", encoding="utf-8") as stream:
        stream.write("{broken\n\n" + line("", "x") + line("d", " ") + line("e", "x", op="merge"))
        stream.write(line("f", "last").rstrip("\n"))
    documents, broken = standing(StreamSource(file))
    assert documents[-1] == ("f", "last")
    assert [bad.line for bad in broken] == [6, 8, 9, 10]
    assert [bad.reason.split()[0] for bad in broken] == ["not", "nothing", "no", "op"]


def test_nothing_that_stands_is_an_error(tmp_path):
    path = tmp_path / "stream.jsonl"
    path.write_text(line("a", "one") + line("a"), encoding="utf-8")
    with pytest.raises(SourceError, match="no document stands"):
        standing(StreamSource(path))
    with pytest.raises(SourceError, match="no such file"):
        standing(StreamSource(tmp_path / "none.jsonl"))


def test_updates_go_on_after_any_position(file):
    every, _ = first(StreamSource(file), 5)
    assert [(one.op, one.id) for one in every] == [
        ("upsert", "a"), ("upsert", "b"), ("upsert", "a"), ("delete", "b"), ("upsert", "c")
    ]  # fmt: skip
    for done, update in enumerate(every[:-1], 1):
        rest, _ = first(StreamSource(file), 5 - done, after=update.position)
        assert rest == every[done:]


def test_lines_are_those_of_the_file_after_going_on(file):
    every, _ = first(StreamSource(file), 5)
    with file.open("a") as stream:
        stream.write("nothing\n" + line("d", "x"))
    found, broken = first(StreamSource(file), 1, after=every[-1].position)
    assert [one.id for one in found] == ["d"]
    assert [bad.line for bad in broken] == [6]


def test_a_growing_file_is_followed_and_half_a_line_waited_for(file):
    updates = StreamSource(file).updates(lambda bad: None, poll_seconds=0.01)
    assert len(next(updates)) == 5
    with file.open("a", encoding="utf-8") as stream:
        stream.write('{"id": "d", ')
    threading.Timer(0.1, lambda: file.open("a").write('"text": "whole"}\n')).start()
    assert [(one.id, one.document.text) for one in next(updates)] == [("d", "whole")]


@pytest.mark.parametrize("change", ["cut", "replaced"])
def test_a_file_that_is_cut_or_replaced_is_read_from_its_start(file, change):
    updates = StreamSource(file).updates(lambda bad: None, poll_seconds=0.01)
    next(updates)
    if change == "cut":
        file.write_text(line("z", "new"), encoding="utf-8")
    else:
        other = file.with_name("other")
        other.write_text(line("z", "new" * 200), encoding="utf-8")
        os.replace(other, file)
    (update,) = next(updates)
    assert update.id == "z"
    assert update.position == file.stat().st_size


def test_a_position_in_another_file_starts_anew(file):
    for position in (10_000, 7):
        found, _ = first(StreamSource(file), 5, after=position)
        assert [one.id for one in found] == ["a", "b", "a", "b", "c"]


def test_following_stops_when_told(file):
    stopped = threading.Event()
    for _ in StreamSource(file).updates(lambda bad: None, stop=stopped.is_set):
        stopped.set()


def test_a_socket_sends_the_same(file):
    data = file.read_bytes()
    with server(data[:20], data[20:]) as (address, asked):
        assert standing(StreamSource(address))[0] == [("a", "three"), ("c", "é")]
    assert asked == [b'{"after": 0}\n']


def test_a_socket_is_told_where_to_go_on(file):
    sent = [text + b"\n" for text in file.read_bytes().splitlines()]
    with server(*sent[3:]) as (address, asked):
        batches = list(StreamSource(address).updates(lambda bad: None, after=3))
    assert [one.position for batch in batches for one in batch] == [4, 5]
    assert asked == [b'{"after": 3}\n']


@pytest.mark.parametrize(
    "address", ["tcp://127.0.0.1", "tcp://:1", "tcp://host:port", "tcp://127.0.0.1:1"]
)
def test_an_address_without_a_server_is_named(address):
    with pytest.raises(SourceError, match=r"tcp://"):
        next(StreamSource(address).updates(lambda bad: None))


OPERATIONS = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.text(min_size=1).filter(str.strip)), min_size=1
)


@given(OPERATIONS, st.integers(0, 5))
def test_what_stands_is_what_the_operations_leave(tmp_path_factory, operations, cut):
    path = tmp_path_factory.mktemp("stream") / "s.jsonl"
    path.write_text("".join(line(id, text) for id, text in operations), encoding="utf-8")
    expected = {}
    for id, text in operations:
        expected.pop(id, None)
        if text is not None:
            expected[id] = text
    source = StreamSource(path)
    if expected:
        assert standing(source) == (list(expected.items()), [])
    every, broken = first(source, len(operations))
    assert [(one.id, one.document and one.document.text) for one in every] == operations
    assert broken == []
    if cut < len(operations) - 1:
        rest, _ = first(source, len(operations) - cut - 1, after=every[cut].position)
        assert rest == every[cut + 1 :]
