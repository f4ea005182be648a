"""Reads answers as they are written: one to its end, or several as they come."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from metier.serving.engines.writing import Ask, End, Piece, TokenLog, Writer, Writing
from metier.types import Usage


@dataclass(slots=True)
class Written:
    """One whole answer."""

    text: str = ""
    logs: list[TokenLog] = field(default_factory=list)
    end: End | None = None


async def collect(writing: Writing) -> Written:
    """Read an answer to its end."""
    whole = Written()
    async with aclosing(writing.events()) as events:
        async for event in events:
            if isinstance(event, End):
                whole.end = event
            else:
                whole.text += event.text
                whole.logs += event.logs
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


def merged(writings: Sequence[Writing]) -> AsyncGenerator[tuple[int, Piece | End]]:
    """The events of several answers as they come, each with the place of its answer."""
    return _alone(writings[0]) if len(writings) == 1 else _several(writings)


async def _alone(writing: Writing) -> AsyncGenerator[tuple[int, Piece | End]]:
    """The usual case, with no queue more."""
    async with aclosing(writing.events()) as events:
        async for event in events:
            yield 0, event


async def _several(writings: Sequence[Writing]) -> AsyncGenerator[tuple[int, Piece | End]]:
    queue: asyncio.Queue[tuple[int, Piece | End | BaseException]] = asyncio.Queue()

    async def pump(place: int, writing: Writing) -> None:
        try:
            async with aclosing(writing.events()) as events:
                async for event in events:
                    queue.put_nowait((place, event))
        except Exception as error:
            queue.put_nowait((place, error))

    tasks = [asyncio.ensure_future(pump(*pair)) for pair in enumerate(writings)]
    open_answers = len(tasks)
    try:
        while open_answers:
            place, told = await queue.get()
            if isinstance(told, BaseException):
                raise told
            open_answers -= isinstance(told, End)
            yield place, told
    finally:
        for task, writing in zip(tasks, writings, strict=True):
            writing.cancel()
            task.cancel()


def total(ends: Sequence[End | None]) -> Usage:
    """The usage of several answers to one prompt: the prompt counts once."""
    known = [end.usage for end in ends if end is not None]
    if not known:
        return Usage()
    wrote = sum(usage.completion_tokens for usage in known)
    return Usage(known[0].prompt_tokens, wrote, known[0].cached_tokens)
