"""Reads answers as they are written: one to its end, or several as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from metier.serving.engines.writing import Ask, End, Piece, TokenLog, Writer, Writing
from metier.types import Conversation, Usage


@dataclass(slots=True)
class Written:
    """One whole answer."""

    text: str = ""
    logs: list[TokenLog] = field(default_factory=list)
    end: End | None = None

    def add(self, event: Piece | End) -> None:
        """What comes next of it."""
        if isinstance(event, End):
            self.end = event
        else:
            self.text += event.text
            self.logs += event.logs


async def collect(writing: Writing) -> Written:
    """Read an answer to its end."""
    whole = Written()
    async with aclosing(writing.events()) as events:
        async for known in events:
            for event in known:
                whole.add(event)
    return whole


def start_all(writer: Writer, asks: Sequence[Ask]) -> list[Writing]:
    """Begin several answers; none is left running when one is refused."""
    begun: list[Writing] = []
    try:
        for ask in asks:
            begun.append(writer.start(ask))
    except BaseException:
        for writing in begun:
            writing.cancel()
        raise
    return begun


Events = AsyncGenerator[list[tuple[int, Piece | End]]]
"""What came since the last look, each event with the place of its answer."""


def merged(writings: Sequence[Writing]) -> Events:
    """The events of several answers as they come."""
    return _alone(writings[0]) if len(writings) == 1 else _several(writings)


async def _alone(writing: Writing) -> Events:
    """The usual case, with no queue more."""
    async with aclosing(writing.events()) as events:
        async for known in events:
            yield [(0, event) for event in known]


async def _several(writings: Sequence[Writing]) -> Events:
    queue: asyncio.Queue[list[tuple[int, Piece | End]] | Exception] = asyncio.Queue()

    async def pump(place: int, writing: Writing) -> None:
        try:
            async with aclosing(writing.events()) as events:
                async for known in events:
                    queue.put_nowait([(place, event) for event in known])
        except Exception as error:
            queue.put_nowait(error)

    tasks = [asyncio.ensure_future(pump(*pair)) for pair in enumerate(writings)]
    open_answers = len(tasks)
    try:
        while open_answers:
            told = await queue.get()
            if isinstance(told, Exception):
                raise told
            open_answers -= isinstance(told[-1][1], End)
            yield told
    finally:
        for task, writing in zip(tasks, writings, strict=True):
            writing.cancel()
            task.cancel()


def total(ends: Sequence[End | None]) -> Usage:
    """The usage of several answers to one prompt: the prompt counts once."""
    return one_prompt([end.usage for end in ends if end is not None])


def one_prompt(usages: Sequence[Usage]) -> Usage:
    """The same from what each of them cost."""
    if not usages:
        return Usage()
    first = max(usages, key=lambda usage: usage.prompt_tokens)
    wrote = sum(usage.completion_tokens for usage in usages)
    return Usage(first.prompt_tokens, wrote, first.cached_tokens)


def cost(begun: Sequence[tuple[Ask, Writing]]) -> Usage:
    """What answers cost so far that may not be whole, each prompt once."""
    spent: dict[Conversation | str, list[Usage]] = {}
    for ask, writing in begun:
        spent.setdefault(ask.prompt, []).append(writing.cost)
    return sum(map(one_prompt, spent.values()), Usage())
