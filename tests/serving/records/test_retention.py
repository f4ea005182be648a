"""What the server keeps is cut while it runs."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from metier.errors import StorageError
from metier.serving.catalogue.toolbox import Toolbox
from metier.serving.records.book import PORTION, Book, Served
from metier.serving.records.retention import retained
from metier.serving.records.shelf import Shelf, Step
from metier.types import Artifact
from tests.serving.server import fake_gateway, serving


def test_what_grows_too_old_while_the_server_runs_is_deleted(tmp_path):
    day = 0.0
    book = Book(tmp_path / "book", now=lambda: day * 86400)
    book.log(Served("first", "", "", "m", "chat", 200, 0.1, asked="where is the zebra"))

    async def run():
        nonlocal day
        async with retained([book.forget], 30, every=0.01):
            day = 20.0
            await asyncio.sleep(0.05)
            assert book.history("")
            day = 40.0
            while book.history(""):  # the test's time-out would end it
                await asyncio.sleep(0.01)

    asyncio.run(run())
    book.close()
    assert b"zebra" not in (tmp_path / "book").read_bytes()


def left(folder, word):
    """The files that still have it."""
    return [path.name for path in folder.iterdir() if word in path.read_bytes()]


def test_what_is_forgotten_is_in_no_file_while_the_book_is_open(tmp_path):
    now = 0.0
    book = Book(tmp_path / "book", now=lambda: now)
    shelf = Shelf(tmp_path / "shelf", now=lambda: now)
    for place in range(200):
        book.log(Served(f"{place}", "", "", "m", "chat", 200, 0.1, asked=f"where is zebra{place}"))
    shelf.put(Artifact("zebra.txt", "text/plain", b"zebra" * 5000), tenant="", request="1")
    shelf.note(Step("1", 1, "", "python", False, 0.1, "zebra", "zebra"))
    now = 40 * 86400.0
    book.log(Served("new", "", "", "m", "chat", 200, 0.1, asked="a lion"))
    assert book.forget(30) == 200
    shelf.forget(30)
    assert left(tmp_path, b"zebra") == []
    assert [row["id"] for row in book.history("", "lion")] == ["new"]
    book.rows("INSERT INTO request_texts (request_texts, rank) VALUES ('integrity-check', 1)")


def test_words_that_a_killed_server_left_in_the_index_go_at_the_next_look(tmp_path):
    book = Book(tmp_path / "book", now=lambda: 0.0)
    book.log(Served("1", "", "", "m", "chat", 200, 0.1, asked="where is the zebra"))
    book.change("DELETE FROM requests")
    book.close()
    assert left(tmp_path, b"zebra")
    book = Book(tmp_path / "book", now=lambda: 40 * 86400.0)
    book.forget(30)
    assert left(tmp_path, b"zebra") == []


def test_others_are_served_while_much_is_forgotten(tmp_path):
    now = 0.0
    book = Book(tmp_path / "book", now=lambda: now)
    for place in range(20 * PORTION):
        book.log(Served(f"{place}", "", "", "m", "chat", 200, 0.1, asked="where is the zebra"))
    now = 40 * 86400.0
    with ThreadPoolExecutor(1) as other:
        forgets = other.submit(book.forget, 30)
        seen = set()
        while not forgets.done():
            seen.add(len(book.history("", limit=1000)))
    assert len(seen - {0, 20 * PORTION}) > 1


def test_without_a_limit_everything_stays(tmp_path):
    book = Book(tmp_path / "book", now=lambda: 0.0)
    book.log(Served("first", "", "", "m", "chat", 200, 0.1))

    async def run():
        async with retained([book.forget], None):
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert book.history("")


def test_what_tools_made_goes_with_the_log_while_the_server_runs(tmp_path):
    now = 0.0
    book = Book(tmp_path / "book", now=lambda: now)
    shelf = Shelf(tmp_path / "shelf", now=lambda: now)
    made = shelf.put(Artifact("zebra.txt", "text/plain", b"zebra"), tenant="", request="first")
    shelf.note(Step("first", 1, "", "python", failed=False, seconds=0.1))
    now = 1.0

    async def run():
        async with retained([book.forget, shelf.forget], 0, every=0.01):
            while shelf.get(made, "") or shelf.steps("first", ""):  # the test's time-out would end
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_a_shelf_that_cannot_be_cut_keeps_nothing_else_from_being_cut(tmp_path):
    book = Book(tmp_path / "book", now=lambda: now)
    now = 0.0
    book.log(Served("first", "", "", "m", "chat", 200, 0.1))
    now = 1.0

    def full(days):
        raise StorageError("no space")

    async def run():
        async with retained([full, book.forget], 0, every=0.01):
            while book.history(""):  # the test's time-out would end it
                await asyncio.sleep(0.01)

    asyncio.run(run())


def test_an_artifact_that_grew_too_old_is_not_served(tmp_path):
    shelf = Shelf(tmp_path / "shelf")
    made = shelf.put(Artifact("zebra.txt", "text/plain", b"zebra"), tenant="", request="first")

    with serving(fake_gateway(tmp_path, toolbox=Toolbox([], shelf), retention_days=0)) as url:
        while httpx.get(f"{url}/artifacts/{made}").status_code != 404:  # the time-out would end it
            time.sleep(0.01)
