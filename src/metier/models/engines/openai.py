"""Any endpoint that speaks OpenAI's protocol, through the official client."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from metier.errors import EndpointError, MissingExtraError, NoLabelScoresError, UserError
from metier.models.engines.forms import (
    WRAPPING_TOKENS,
    check_form,
    complaint,
    is_wrapped,
    response_format,
    unwrapped,
)
from metier.models.engines.refused import refused
from metier.types import (
    Completion,
    Conversation,
    GenerateConfig,
    Json,
    LabelScores,
    Message,
    Usage,
)

CHARACTERS_PER_TOKEN = 4
"""English text in today's vocabularies; the endpoint's own tokenizer is not known here."""
Given = TypeVar("Given")
Result = TypeVar("Result")
Reply = Any
"""A chat completion of the client, or a chunk of one."""
Settings = Mapping[str, Json]
"""Fields of a request beside its messages and what every engine knows."""


class OpenAIModel:
    """A model behind an endpoint, asked by several threads at once.

    The client itself repeats after 408, 409, 429, 5xx and time-outs, with exponential backoff and
    jitter, and waits as long as ``Retry-After`` says.
    """

    def __init__(
        self,
        model: str,
        *,
        base_url: str | None = None,
        concurrency: int = 32,
        retries: int = 6,
        timeout: float = 120.0,
        tells_cached: bool = True,
    ) -> None:
        """``timeout`` in seconds; the key comes from ``OPENAI_API_KEY``.

        Without ``tells_cached``, ``generate`` does not say how much of a prompt was known: to
        whoever shares the endpoint's cache with strangers, that tells what they asked.
        """
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError(f"the remote model {model}", "openai") from error
        key = os.environ.get("OPENAI_API_KEY")
        if not key and base_url is None:
            raise UserError(f"{model} needs a key: set OPENAI_API_KEY")
        self._model = model
        self._url = base_url
        self._tells_cached = tells_cached
        self._vllm: bool | None = None
        self._key = key
        self._openai: Any = openai
        # What breaks in the middle of a stream comes from the client's own transport, which was
        # httpx up to its version 2 and is httpx2 from 3 on.
        client = openai.DefaultHttpxClient.__bases__[0]
        transport = importlib.import_module(client.__module__.partition(".")[0])
        self._lost = openai.APIError, transport.HTTPError
        self._client: Any = openai.OpenAI(
            api_key=key or "none", base_url=base_url, max_retries=retries, timeout=timeout
        )
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="metier-openai")

    @classmethod
    def named(
        cls, name: str, *, timeout: float = 120.0, retries: int = 6, tells_cached: bool = True
    ) -> OpenAIModel:
        """Open ``openai:MODEL`` or ``openai:MODEL@BASE_URL``."""
        model, _, url = name.removeprefix("openai:").partition("@http")
        if not model:
            raise UserError(f"{name!r} names no model; write openai:MODEL@BASE_URL")
        at = f"http{url}" if url else None
        return cls(model, base_url=at, timeout=timeout, retries=retries, tells_cached=tells_cached)

    @property
    def name(self) -> str:
        """``openai:MODEL@BASE_URL``."""
        return f"openai:{self._model}" + (f"@{self._url}" if self._url else "")

    def generate(self, batch: Sequence[Conversation], config: GenerateConfig) -> list[Completion]:
        """Continue every conversation.

        With ``choices`` or ``json_schema`` the answer is also checked here, and asked for once
        more when it does not fit. What does not fit then is returned as it came, so that a paid
        run is not lost to one answer: evaluation counts it as outside the enum.
        """
        done = self._each(batch, lambda conversation: self.answer(conversation, config))
        if self._tells_cached:
            return done
        return [replace(one, usage=replace(one.usage, cached_tokens=0)) for one in done]

    def generate_each(
        self, batch: Sequence[Conversation], config: GenerateConfig
    ) -> Iterator[tuple[int, Completion | EndpointError]]:
        """Each answer as it comes, with its place; a request's fault is its answer.

        So that whoever pays for a long run can keep every answer from the moment it is there.
        """

        def one(conversation: Conversation) -> Completion | EndpointError:
            try:
                return self.answer(conversation, config)
            except EndpointError as error:
                return error

        places = {self._threads.submit(one, asked): place for place, asked in enumerate(batch)}
        try:
            for done in as_completed(places):
                yield places[done], done.result()
        finally:
            for waiting in places:
                waiting.cancel()

    def stream(self, conversation: Conversation, config: GenerateConfig) -> Iterator[str]:
        """Yield the text piece by piece; bound answers come in one piece, after the check."""
        if config.choices or config.json_schema is not None:
            yield self.answer(conversation, config).text
            return
        for chunk in self.replies(conversation, config, stream=True):
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content

    def replies(
        self,
        conversation: Conversation,
        config: GenerateConfig,
        *,
        stream: bool,
        more: Settings | None = None,
    ) -> Iterator[Reply]:
        """The endpoint's own chunks, or its whole reply as the only one.

        The last chunk has the usage, where the endpoint can tell it. ``EndpointError`` for a
        stream that ends before its answer does.
        """
        if not stream:
            yield self._ask(conversation, config, more)
            return
        streamed = {"stream": True, "stream_options": {"include_usage": True}, **(more or {})}
        some = whole = False
        with self._ask(conversation, config, streamed) as chunks, self._faults():
            for chunk in chunks:
                if hasattr(chunk, "choices"):
                    some, chunk.choices = True, self._pieces(chunk.choices)
                    whole = whole or any(one.finish_reason for one in chunk.choices)
                    yield chunk
        if not some:
            raise EndpointError(f"{self.name} sent no piece of an answer; check the URL")
        if not whole:
            raise EndpointError(f"{self.name} broke off in the middle of an answer; ask again")

    def _pieces(self, choices: Any) -> list[Any]:
        """The choices of a chunk, each with a text or none; the client lets anything through."""
        found = choices or []
        if not isinstance(found, list) or not all(_says(one, "delta") for one in found):
            raise EndpointError(f"{self.name} sent what is no piece of an answer: {found!r:.100}")
        return found

    def answer(
        self, conversation: Conversation, config: GenerateConfig, more: Settings | None = None
    ) -> Completion:
        """One answer; a bound one is asked for once more when it does not fit."""
        check_form(config)
        native = bool(config.choices) and self.is_vllm()
        asked = _as_choice(config, more or {}) if native else (config, more)
        first = _completion(self._ask(conversation, *asked), config)
        wrong = complaint(first.text, config)
        if wrong is None:
            return first
        again = (
            *conversation,
            Message("assistant", first.text),
            Message("user", f"That answer cannot be used: {wrong}"),
        )
        second = _completion(self._ask(again, config, more), config)
        return Completion(second.text, first.usage + second.usage, second.finish_reason)

    def is_vllm(self) -> bool | None:
        """Whether the endpoint says that it is vLLM; None, until the next call, for no answer."""
        if self._vllm is None:
            self._vllm = self._says_vllm()
        return self._vllm

    def _says_vllm(self) -> bool | None:
        if self._url is None:
            return False
        try:
            known = self._client.with_options(max_retries=0, timeout=5).models.list()
        except self._openai.NotFoundError:
            return False
        except self._openai.APIError:
            return None
        models = getattr(known, "data", None) or ()
        return any(getattr(model, "owned_by", None) == "vllm" for model in models)

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability of the answer and the end of its turn.

        Endpoints that return ``prompt_logprobs`` (vLLM does) can say this; others raise
        ``NoLabelScoresError``, because OpenAI's protocol gives log probabilities only of what the
        model itself wrote.
        """
        return self._each(batch, lambda pair: self._log(pair[0], pair[1], self._start(pair[0])))

    def score_labels(
        self, batch: Sequence[Conversation], labels: Sequence[str]
    ) -> list[LabelScores]:
        """``loglikelihood`` of every label; the endpoint's prefix cache saves the repetition."""

        def one(conversation: Conversation) -> LabelScores:
            start = self._start(conversation)
            logs = tuple(self._log(conversation, label, start) for label in labels)
            return LabelScores(logs, Usage(start * (len(labels) + 1), len(labels) + 1))

        return self._each(batch, one)

    def count_tokens(self, text: str) -> int:
        """An estimate: four characters to a token."""
        return -(-len(text) // CHARACTERS_PER_TOKEN)

    def truncate(self, text: str, max_tokens: int) -> str:
        """The beginning that ``count_tokens`` takes for at most ``max_tokens`` tokens."""
        return text[: max_tokens * CHARACTERS_PER_TOKEN]

    def _each(self, batch: Sequence[Given], ask: Callable[[Given], Result]) -> list[Result]:
        return list(self._threads.map(ask, batch))

    def _ask(
        self, conversation: Conversation, config: GenerateConfig, more: Settings | None = None
    ) -> Reply:
        asked: dict[str, Json] = {
            "max_tokens": config.max_new_tokens + WRAPPING_TOKENS * is_wrapped(config),
            "temperature": config.temperature,
            "top_p": config.top_p,
            "seed": config.seed,
        }
        if config.stop:
            asked["stop"] = list(config.stop)
        form = response_format(config)
        if form is not None:
            asked["response_format"] = form
        asked |= more or {}
        if config.top_k is not None:
            asked["extra_body"] = {"top_k": config.top_k, **asked.get("extra_body", {})}
        return self._create(conversation, **asked)

    def _create(self, conversation: Conversation, **asked: Json) -> Reply:
        messages = [{"role": part.role, "content": part.content} for part in conversation]
        with self._faults():
            reply = self._client.chat.completions.create(
                model=self._model, messages=messages, **asked
            )
        if not asked.get("stream") and not _is_completion(reply):
            raise EndpointError(
                f"{self.name} sent no chat completion but {str(reply)[:100]!r}; check the URL"
            )
        return reply

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except self._openai.APIStatusError as error:
            raise refused(self.name, error, key=self._key) from error
        except self._lost as error:
            raise EndpointError(
                f"{self.name} did not answer after the retries: {error}; is it running?"
            ) from error
        except (ValueError, RecursionError) as error:  # JSON that was cut off, or none
            raise EndpointError(f"{self.name} sent what cannot be read: {error}") from error

    def _start(self, conversation: Conversation) -> int:
        """Tokens of the conversation up to where the answer begins."""
        reply = self._create(conversation, max_tokens=1, temperature=0)
        if reply.usage is None:
            raise EndpointError(f"{self.name} does not say how many tokens a prompt has")
        return int(reply.usage.prompt_tokens)

    def _log(self, conversation: Conversation, text: str, start: int) -> float:
        reply = self._create(
            (*conversation, Message("assistant", text)),
            max_tokens=1,
            temperature=0,
            extra_body={"prompt_logprobs": 0, "add_generation_prompt": False},
        )
        entries = (reply.model_extra or {}).get("prompt_logprobs")
        if entries is None:
            raise NoLabelScoresError(
                f"{self.name} gives no log probabilities of a given answer; "
                "set the rung's constrained = false and it writes, or use a vLLM endpoint"
            )
        total, written = 0.0, ""
        for entry in entries[start:]:
            (token,) = list(entry.values())[:1]
            total += float(token["logprob"])
            if written == text:  # this was the end of the turn
                return total
            written += token["decoded_token"]
        raise EndpointError(
            f"{self.name} cut the answer {text!r} into tokens that do not spell it, as happens to "
            "characters of several tokens; write the label in plain letters"
        )


def _as_choice(config: GenerateConfig, more: Settings) -> tuple[GenerateConfig, Settings]:
    """An enum as vLLM binds it, over the answer's own tokens (from 0.11 on).

    Inside JSON a small model may write blanks until the limit. Where a vLLM does not know the field
    the answer is free, and asked for once more, as JSON.
    """
    bound = {"structured_outputs": {"choice": list(config.choices or ())}}
    extra = {**more.get("extra_body", {}), **bound}
    return replace(config, choices=()), {**more, "extra_body": extra}


def _is_completion(reply: Reply) -> bool:
    """Whether it has an answer; the client lets through whatever came with a 200."""
    choices = getattr(reply, "choices", None)
    return isinstance(choices, list) and bool(choices) and _says(choices[0], "message")


def _says(choice: Any, under: str) -> bool:
    """Whether a choice has a text, or none, where it belongs."""
    said = getattr(choice, under, None)
    return said is not None and isinstance(getattr(said, "content", 0), str | None)


def _completion(reply: Reply, config: GenerateConfig) -> Completion:
    choice = reply.choices[0]
    text = choice.message.content or ""
    return Completion(
        unwrapped(text, config),
        usage_of(reply) or Usage(),
        "length" if choice.finish_reason == "length" else "stop",
    )


def usage_of(reply: Reply) -> Usage | None:
    """What a reply or a chunk says of tokens; None where it says nothing that can be read."""
    told = reply.usage
    read = _count(told, "prompt_tokens")
    if read is None:
        return None
    cached = _count(getattr(told, "prompt_tokens_details", None), "cached_tokens") or 0
    written = _count(told, "completion_tokens")
    if written is None:
        written = max(0, (_count(told, "total_tokens") or 0) - read)
    return Usage(read, written, cached)


def _count(told: Any, name: str) -> int | None:
    number = getattr(told, name, None)
    return number if isinstance(number, int) else None
