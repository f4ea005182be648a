"""What writes on another server: told as it writes, with that server's own usage and ending."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from metier.models.engines.openai import OpenAIModel, usage_of
from metier.serving.engines.batcher import Crowd
from metier.serving.engines.writers import conversation_of
from metier.serving.engines.writing import Ask, End, Piece, TokenLog, Writing
from metier.serving.refusal import Refusal
from metier.types import Conversation, Json, Usage


def open_remote(name: str) -> OpenAIModel:
    """``openai:MODEL@URL`` for a server: whoever asks it waits, so it is asked once.

    The client that waits is told when to come back, and the load is shed where it comes from.
    """
    return OpenAIModel.named(name, retries=0, tells_cached=False)


class RemoteWriter:
    """A model behind an endpoint."""

    logs = True

    def __init__(self, model: OpenAIModel, crowd: Crowd, secret: bytes) -> None:
        """``secret`` is what tenants' salts are made with."""
        self._model = model
        self._crowd = crowd
        self._secret = secret

    def start(self, ask: Ask) -> Writing:
        """Ask at once; ``Refusal`` 429 when too many wait, 400 for what is not told of a form."""
        if ask.top_logs is not None and _is_bound(ask):
            raise Refusal(
                400, "log probabilities of an answer in a given form are not told", param="logprobs"
            )
        writing = Writing()

        def write(asks: Sequence[Ask]) -> Sequence[None]:
            try:
                for event in self._events(asks[0], writing):
                    writing.tell(event)
            except Exception as error:
                writing.tell(error)
            return [None]

        writing.rest_on(self._crowd.submit(None, ask, write))
        return writing

    def _events(self, ask: Ask, writing: Writing) -> Iterator[Piece | End]:
        conversation, more = conversation_of(ask.prompt), self._more(ask)
        if not _is_bound(ask):
            yield from self._plain(ask, conversation, more, writing)
            return
        done = self._model.answer(conversation, ask.config, more)
        yield Piece(done.text)
        yield End(done.finish_reason, _told(done.usage, more))

    def _plain(
        self, ask: Ask, conversation: Conversation, more: dict[str, Json], writing: Writing
    ) -> Iterator[Piece | End]:
        """As the endpoint writes it; the end comes too where its reader has left meanwhile."""
        text, cut, usage = "", False, None
        replies = self._model.replies(conversation, ask.config, stream=ask.live, more=more)
        try:
            for reply in replies:
                usage = usage_of(reply) or usage
                for choice in reply.choices[:1]:
                    said = choice.delta if ask.live else choice.message
                    piece = Piece(said.content or "", _logs(choice.logprobs))
                    cut = cut or choice.finish_reason == "length"
                    text += piece.text
                    if piece.text or piece.logs:
                        yield piece
                if writing.cancelled:
                    break  # which hangs up
        except Exception:
            if text:
                writing.usage = usage or self._estimate(conversation, text)
            raise
        told = usage or self._estimate(conversation, text)
        yield End("length" if cut else "stop", _told(told, more))

    def _estimate(self, conversation: Conversation, text: str) -> Usage:
        """For endpoints that do not tell, and for what was broken off before they did."""
        count = self._model.count_tokens
        return Usage(sum(count(turn.content) for turn in conversation), count(text))

    def _more(self, ask: Ask) -> dict[str, Json]:
        more: dict[str, Json] = {}
        if ask.top_logs is not None:
            more = {"logprobs": True, "top_logprobs": ask.top_logs}
        if self._model.is_vllm():
            salt = hmac.new(self._secret, ask.tenant.encode(), hashlib.sha256).hexdigest()
            more["extra_body"] = {"cache_salt": salt}
        return more


def _told(usage: Usage, more: dict[str, Json]) -> Usage:
    """How much was known already tells what others asked, unless the cache is kept apart."""
    return usage if "extra_body" in more else replace(usage, cached_tokens=0)


def _is_bound(ask: Ask) -> bool:
    return bool(ask.config.choices) or ask.config.json_schema is not None


def _logs(logprobs: Any) -> tuple[TokenLog, ...]:
    """The client's log probabilities as ours."""
    return tuple(
        TokenLog(
            one.token, one.logprob, tuple((top.token, top.logprob) for top in one.top_logprobs)
        )
        for one in (logprobs and logprobs.content) or ()
    )
