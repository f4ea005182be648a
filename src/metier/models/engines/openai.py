"""Any endpoint that speaks OpenAI's protocol, through the official client."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any, TypeVar

from metier.errors import EndpointError, MissingExtraError, UserError
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
"""A chat completion of the client."""


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
    ) -> None:
        """``timeout`` in seconds; the key comes from ``OPENAI_API_KEY``."""
        try:
            import openai
        except ImportError as error:
            raise MissingExtraError(f"the remote model {model}", "openai") from error
        key = os.environ.get("OPENAI_API_KEY")
        if not key and base_url is None:
            raise UserError(f"{model} needs a key: set OPENAI_API_KEY")
        self._model = model
        self._url = base_url
        self._openai: Any = openai
        self._client: Any = openai.OpenAI(
            api_key=key or "none", base_url=base_url, max_retries=retries, timeout=timeout
        )
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="metier-openai")

    @classmethod
    def named(cls, name: str, *, timeout: float = 120.0, retries: int = 6) -> OpenAIModel:
        """Open ``openai:MODEL`` or ``openai:MODEL@BASE_URL``."""
        model, _, url = name.removeprefix("openai:").partition("@http")
        if not model:
            raise UserError(f"{name!r} names no model; write openai:MODEL@BASE_URL")
        return cls(model, base_url=f"http{url}" if url else None, timeout=timeout, retries=retries)

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
        return self._each(batch, lambda conversation: self._answer(conversation, config))

    def generate_each(
        self, batch: Sequence[Conversation], config: GenerateConfig
    ) -> Iterator[tuple[int, Completion | EndpointError]]:
        """Each answer as it comes, with its place; a request's fault is its answer.

        So that whoever pays for a long run can keep every answer from the moment it is there.
        """

        def one(conversation: Conversation) -> Completion | EndpointError:
            try:
                return self._answer(conversation, config)
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
            yield self._answer(conversation, config).text
            return
        events = self._ask(conversation, config, stream=True)
        for event in events:
            if event.choices and event.choices[0].delta.content:
                yield event.choices[0].delta.content

    def loglikelihood(self, batch: Sequence[tuple[Conversation, str]]) -> list[float]:
        """Natural log of the probability of the answer and the end of its turn.

        Endpoints that return ``prompt_logprobs`` (vLLM does) can say this; others raise
        ``EndpointError``, because OpenAI's protocol gives log probabilities only of what the
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

    def _answer(self, conversation: Conversation, config: GenerateConfig) -> Completion:
        first = _completion(self._ask(conversation, config), config)
        complaint = _complaint(first.text, config)
        if complaint is None:
            return first
        again = (
            *conversation,
            Message("assistant", first.text),
            Message("user", f"That answer cannot be used: {complaint}"),
        )
        second = _completion(self._ask(again, config), config)
        return Completion(second.text, first.usage + second.usage, second.finish_reason)

    def _ask(self, conversation: Conversation, config: GenerateConfig, **more: Json) -> Reply:
        asked: dict[str, Json] = {
            "max_tokens": config.max_new_tokens,
            "temperature": config.temperature,
            "top_p": config.top_p,
            "seed": config.seed,
        }
        if config.stop:
            asked["stop"] = list(config.stop)
        schema = _schema(config)
        if schema is not None:
            form = {"name": "answer", "schema": schema, "strict": True}
            asked["response_format"] = {"type": "json_schema", "json_schema": form}
            # The choice is wrapped in an object, which takes tokens of its own.
            asked["max_tokens"] = config.max_new_tokens + (32 if config.choices else 0)
        if config.top_k is not None:
            asked["extra_body"] = {"top_k": config.top_k}
        return self._create(conversation, **asked, **more)

    def _create(self, conversation: Conversation, **asked: Json) -> Reply:
        messages = [{"role": part.role, "content": part.content} for part in conversation]
        try:
            return self._client.chat.completions.create(
                model=self._model, messages=messages, **asked
            )
        except self._openai.APIStatusError as error:
            hint = {401: "; check OPENAI_API_KEY", 404: "; check the model's name and the URL"}
            raise EndpointError(
                f"{self.name} answered {error.status_code}: {str(error.message)[:300]}"
                f"{hint.get(error.status_code, '')}"
            ) from error
        except self._openai.APIError as error:
            raise EndpointError(
                f"{self.name} did not answer after the retries: {error}; is it running?"
            ) from error

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
            raise EndpointError(
                f"{self.name} gives no log probabilities of a given answer; "
                "let the rung generate with its choices instead, or use a vLLM endpoint"
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


def _schema(config: GenerateConfig) -> Mapping[str, Json] | None:
    if not config.choices:
        return config.json_schema
    return {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(config.choices)}},
        "required": ["answer"],
        "additionalProperties": False,
    }


def _completion(reply: Reply, config: GenerateConfig) -> Completion:
    if not reply.choices:
        raise EndpointError("the endpoint sent an answer without choices")
    choice = reply.choices[0]
    text = choice.message.content or ""
    if config.choices:
        text = _chosen(text)
    usage = Usage()
    if reply.usage is not None:
        details = reply.usage.prompt_tokens_details
        usage = Usage(
            reply.usage.prompt_tokens,
            reply.usage.completion_tokens,
            (details.cached_tokens or 0) if details is not None else 0,
        )
    return Completion(text, usage, "length" if choice.finish_reason == "length" else "stop")


def _chosen(text: str) -> str:
    """The choice inside the object; endpoints that ignore the schema may send it bare."""
    try:
        value = json.loads(text)
    except ValueError:
        return text.strip()
    return str(value["answer"]) if isinstance(value, dict) and "answer" in value else text.strip()


def _complaint(text: str, config: GenerateConfig) -> str | None:
    """What is wrong with a bound answer, in words that the model can act on."""
    if config.choices:
        if text in config.choices:
            return None
        return "it must be exactly one of: " + ", ".join(config.choices)
    if config.json_schema is None:
        return None
    jsonschema: Any = importlib.import_module("jsonschema")
    try:
        jsonschema.validate(json.loads(text), dict(config.json_schema))
    except ValueError as error:
        return f"it must be JSON alone ({error})"
    except jsonschema.ValidationError as error:
        return f"the JSON does not fit the schema ({error.message})"
    return None
