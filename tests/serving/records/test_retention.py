"""The request log is cut while the server runs."""

import asyncio

from metier.serving.records.book import Book, Served
from metier.serving.records.retention import retained


def test_what_grows_too_old_while_the_server_runs_is_deleted(tmp_path):
    day = 0.0
    book = Book(tmp_path / "book", now=lambda: day * 86400)
    book.log(Served("first", "", "", "m", "chat", 200, 0.1, asked="where is the zebra"))

    async def run():
        nonlocal day
        async with retained(book, 30, every=0.01):
            day = 20.0
            await asyncio.sleep(0.05)
            assert book.history("")
            day = 40.0
            while book.history(""):  # the test's time-out would end it
                await asyncio.sleep(0.01)

    asyncio.run(run())
    book.close()
    assert b"zebra" not in (tmp_path / "book").read_bytes()


def test_without_a_limit_everything_stays(tmp_path):
    book = Book(tmp_path / "book", now=lambda: 0.0)
    book.log(Served("first", "", "", "m", "chat", 200, 0.1))

    async def run():
        async with retained(book, None):
            await asyncio.sleep(0.01)

    asyncio.run(run())
    assert book.history("")
