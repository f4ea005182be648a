"""What clients send, in OpenAI's shape: parsed, with bounds, unknown fields left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    WithJsonSchema,
    model_validator,
)

_HALF = re.compile("[\ud800-\udfff]")
Object = dict[str, JsonValue]
Stop = str | list[str] | None
TokenCount = Annotated[int, Field(ge=1, le=1_000_000)]
Temperature = Annotated[float, Field(ge=0, le=2)]
Share = Annotated[float, Field(gt=0, le=1)]
Seed = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Choices = Annotated[list[Annotated[str, Field(min_length=1)]], Field(max_length=1024)]


def _neutral(value: JsonValue) -> JsonValue:
    """Many clients send the default; to answer as if another value were kept would be a lie."""
    if value:
        raise ValueError("is not offered here; leave it out")
    return value


def _no_tokens(value: JsonValue) -> JsonValue:
    """Numbers of tokens do not tell whose they are, so they cannot be read as this model's."""
    if isinstance(value, list) and any(isinstance(one, int | list) for one in value):
        raise ValueError(
            "takes texts, not token ids, which mean other words to each tokenizer; where a client "
            "sends ids, tell it not to (LangChain's OpenAIEmbeddings: check_embedding_ctx_length="
            "False)"
        )
    return value


Zero = Annotated[float | None, AfterValidator(_neutral), WithJsonSchema({"const": 0})]
NoBias = Annotated[Object | None, AfterValidator(_neutral), WithJsonSchema({"maxProperties": 0})]
Nothing = Annotated[JsonValue, AfterValidator(_neutral), WithJsonSchema({"enum": [None, ""]})]
NoTokens = BeforeValidator(_no_tokens)
AsOf = Annotated[str | None, Field(max_length=64)]
"""The day whose documents a specialist is to answer from; metier's own."""


class Wire(BaseModel):
    """A body; fields that newer clients send and metier does not know are ignored."""

    model_config = ConfigDict(extra="ignore", protected_namespaces=())

    @model_validator(mode="after")
    def _texts_are_whole(self) -> Self:
        """JSON can escape half of a character, which no tokenizer and no file takes."""
        for name, value in self:
            if any(_HALF.search(text) for text in _texts_in(value)):
                raise ValueError(f"{name} holds half of a surrogate pair")
        return self


def _texts_in(value: object) -> Iterator[str]:
    """Also the names of what objects hold; the bodies inside a body look after their own."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            waiting += [*part, *part.values()]


class ContentPart(Wire):
    """A part of a message; only text can be read."""

    type: str
    text: str | None = None


class CalledFunction(Wire):
    """A function that the model asked for."""

    name: str
    arguments: str = ""


class ToolCall(Wire):
    """A call in an assistant's earlier turn."""

    id: str = ""
    type: str = "function"
    function: CalledFunction


class ChatMessage(Wire):
    """One turn as sent."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[ContentPart] | None = None
    tool_calls: list[ToolCall] | None = None
    tool_call_id: str | None = None


class FunctionSchema(Wire):
    """A function's name and its parameters as JSON Schema."""

    name: str = Field(min_length=1, max_length=64)
    description: str | None = None
    parameters: Object | None = None


class Tool(Wire):
    """A function that the model may call."""

    type: Literal["function"]
    function: FunctionSchema


class ServedTool(Wire):
    """metier's own: a tool that the server calls itself, by its name."""

    type: Literal["metier"]
    name: str = Field(min_length=1, max_length=64)


class ToolBudget(Wire):
    """metier's own: what calls of the server's tools may take, within the operator's bounds."""

    steps: Annotated[int, Field(ge=0, le=100)] | None = None
    tokens: TokenCount | None = None
    seconds: Annotated[float, Field(gt=0, le=3600)] | None = None


class PlannedNode(Wire):
    """One step of a plan that the client changed."""

    id: str = Field(min_length=1, max_length=16)
    kind: Literal["retrieve", "extract", "query", "run", "summarise"]
    settings: Object
    inputs: list[str] = Field(default_factory=list, max_length=16)


class PlanOption(Wire):
    """metier's own: answer by a plan; with ``nodes`` by this one, else by one that is made."""

    template: str = Field(default="auto", max_length=64)
    nodes: list[PlannedNode] | None = Field(default=None, min_length=1, max_length=16)
    only: bool = False
    """Tell the plan and do nothing of it."""


class NamedFunction(Wire):
    """A function by name."""

    name: str


class NamedTool(Wire):
    """The one tool to call."""

    type: Literal["function"]
    function: NamedFunction


class JsonSchema(Wire):
    """A schema with the name that clients give it."""

    name: str = ""
    schema_: Object | None = Field(default=None, alias="schema")


class ResponseFormat(Wire):
    """The form of the answer."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None


class StreamOptions(Wire):
    """What a stream carries besides text."""

    include_usage: bool | None = None


class Sampling(Wire):
    """What all writing routes share."""

    model: str = Field(min_length=1, max_length=256)
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    seed: Seed | None = None
    stop: Stop = None
    n: Annotated[int, Field(ge=1, le=16)] | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    user: str | None = None
    frequency_penalty: Zero = None
    presence_penalty: Zero = None
    logit_bias: NoBias = None
    as_of: AsOf = None


class PromptReference(Wire):
    """A prompt of the gallery, in the shape of the Responses API."""

    id: str = Field(min_length=1, max_length=128)
    version: str | None = None
    """The newest where none is named."""
    variables: dict[str, str] | None = None


class NewPrompt(Wire):
    """POST /v1/prompts: a prompt, or a new version of one."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")
    messages: list[ChatMessage] = Field(min_length=1, max_length=128)
    enum: Choices | None = None


class NewModel(Wire):
    """POST /v1/models: a release, an adapter or another model to serve from now on."""

    id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$")
    place: str = Field(min_length=1, max_length=4096)
    """As after ``metier serve``; a path is the server's own."""
    tenant: str = Field(default="", max_length=128)
    """The only one that sees it; empty for everybody."""


class RunAgain(Wire):
    """POST /v1/history/ID/run: what is to be different."""

    model: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    temperature: Temperature | None = None
    seed: Seed | None = None
    stream: bool | None = None


class Thinking(Wire):
    """How to think harder; metier's own."""

    method: Literal["self_consistency", "ensemble_refinement"] = "self_consistency"
    drafts: Annotated[int, Field(ge=1, le=16)] = 5
    refinements: Annotated[int, Field(ge=1, le=16)] | None = None
    """Answers drawn in the light of all drafts; as many as drafts where not told."""
    budget_tokens: TokenCount | None = None
    """What the drafts may write together."""


class ChatRequest(Sampling):
    """POST /v1/chat/completions; ``enum`` is metier's own: the answer is one of these texts."""

    messages: list[ChatMessage] = Field(default_factory=list, max_length=2048)
    prompt: PromptReference | None = None
    """Its messages come before ``messages``; metier's own."""
    max_tokens: TokenCount | None = None
    max_completion_tokens: TokenCount | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: ResponseFormat | None = None
    tools: list[Tool | ServedTool] | None = Field(default=None, max_length=128)
    tool_budget: ToolBudget | None = None
    plan: PlanOption | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    """Either is kept: at most one function is called at once."""
    enum: Choices | None = None
    thinking: Thinking | None = None
    functions_: Nothing = Field(default=None, alias="functions")
    function_call: Literal["none", "auto"] | None = None

    @property
    def functions(self) -> list[Tool]:
        """The client's own tools, whose calls it gets back."""
        return [tool for tool in self.tools or () if isinstance(tool, Tool)]

    @property
    def served(self) -> list[str]:
        """The names of the server's tools that it asks for."""
        return [tool.name for tool in self.tools or () if isinstance(tool, ServedTool)]


class CompletionRequest(Sampling):
    """POST /v1/completions: continues plain text."""

    prompt: Annotated[str | list[str], NoTokens]
    max_tokens: TokenCount | None = None
    logprobs: Annotated[int, Field(ge=0, le=5)] | None = None
    echo: bool | None = None
    best_of: Annotated[int, Field(ge=1, le=1)] | None = None
    suffix: Nothing = None


class EmbeddingRequest(Wire):
    """POST /v1/embeddings."""

    model: str = Field(min_length=1, max_length=256)
    input: Annotated[str | Annotated[list[str], Field(min_length=1, max_length=2048)], NoTokens]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1)] | None = None


class TextFormat(Wire):
    """The form of a response's text."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    name: str = ""
    schema_: Object | None = Field(default=None, alias="schema")


class ResponseText(Wire):
    """How a response's text is written."""

    format: TextFormat | None = None


class InputItem(Wire):
    """One turn of a response's input."""

    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[ContentPart]


class CalledItem(CalledFunction):
    """A function that the model asked for in an earlier response."""

    type: Literal["function_call"]
    call_id: str


class ResultItem(Wire):
    """What a function gave."""

    type: Literal["function_call_output"]
    call_id: str
    output: str | list[ContentPart]


class ResponseFunction(FunctionSchema):
    """A function that the model may call, as the Responses API lays it out."""

    type: Literal["function"]


class ChosenFunction(NamedFunction):
    """The one function to call."""

    type: Literal["function"]


class ResponsesRequest(Wire):
    """POST /v1/responses; nothing is kept on the server between two of them."""

    model: str = Field(min_length=1, max_length=256)
    input: str | Annotated[list[InputItem | CalledItem | ResultItem], Field(max_length=2048)] = ""
    prompt: PromptReference | None = None
    instructions: str | None = None
    max_output_tokens: TokenCount | None = None
    temperature: Temperature | None = None
    top_p: Share | None = None
    top_k: Annotated[int, Field(ge=1)] | None = None
    """metier's own, as are ``seed``, ``enum`` and ``as_of``."""
    seed: Seed | None = None
    enum: Choices | None = None
    as_of: AsOf = None
    top_logprobs: Zero = None
    stream: bool | None = None
    text: ResponseText | None = None
    previous_response_id: str | None = None
    conversation: Nothing = None
    tools: list[ResponseFunction | ServedTool] | None = Field(default=None, max_length=128)
    tool_choice: Literal["none", "auto", "required"] | ChosenFunction | None = None
    tool_budget: ToolBudget | None = None
    parallel_tool_calls: bool | None = None
    """Either is kept: at most one function is called at once."""


class FeedbackRequest(Wire):
    """POST /v1/feedback: what a person thinks of an answer."""

    response_id: str = Field(min_length=1, max_length=128)
    thumb: Literal["up", "down"] | None = None
    correction: str | None = Field(default=None, max_length=100_000)
    comment: str | None = Field(default=None, max_length=100_000)
