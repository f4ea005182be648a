"""Every way in which the gateway says no, in the shape that OpenAI's clients read."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from metier.errors import DataError, EndpointError, EndpointRefusal, MetierError
from metier.types import Json

_log = logging.getLogger("metier.serving")
WAIT = 5
"""Seconds, where the server behind a model does not say when to come back."""


class Refusal(Exception):
    """An answer other than 200; the status decides which exception the official client raises."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.param = param
        self.headers = dict(headers or {})

    def body(self) -> Json:
        """The JSON body."""
        return {
            "error": {
                "message": str(self),
                "type": _KINDS.get(self.status, "invalid_request_error"),
                "param": self.param,
                "code": self.code,
            }
        }


_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
    500: "server_error",
    502: "server_error",
    503: "server_error",
}


def unknown_model(name: str) -> Refusal:
    """The same words whether a model does not exist or belongs to another tenant."""
    return Refusal(
        404,
        f"there is no model {name!r} here; GET /v1/models lists them",
        code="model_not_found",
        param="model",
    )


def busy(seconds: int, why: str) -> Refusal:
    """Load is shed; the official client waits as long as it is told and asks again."""
    return Refusal(
        429, why, code="rate_limit_exceeded", headers={"Retry-After": str(max(1, seconds))}
    )


def invalid(faults: Sequence[Any]) -> Refusal:
    """The first of a body's faults, with its place.

    Where a field takes several kinds, each has its fault; told is that of the kind which fits best.
    """
    places = [[part for part in fault["loc"] if part != "body"] for fault in faults]
    first = [place[:1] == places[0][:1] for place in places]
    at = max(
        (number for number, same in enumerate(first) if same),
        key=lambda number: (len(places[number]), not faults[number]["type"].endswith("_type")),
    )
    place = ".".join(str(part) for part in places[at] if not _KIND.fullmatch(str(part)))
    told = str(faults[at]["msg"]).removeprefix("Value error, ")
    return Refusal(400, f"{place}: {told}" if place else told, param=place or None)


_KIND = re.compile(r"str|.*\[.*\]")
"""How pydantic names the kinds of a field that takes several."""


def refusal_of(error: BaseException) -> Refusal:
    """Any error as an answer; what nobody foresaw is logged here and told without its insides."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DataError):
        return Refusal(400, str(error))
    if isinstance(error, ValidationError):  # what was asked, laid out for another route
        return invalid(error.errors())
    if isinstance(error, EndpointRefusal):
        return _refused_behind(error)
    if isinstance(error, EndpointError):
        return Refusal(503, str(error), headers={"Retry-After": str(WAIT)})
    if isinstance(error, MetierError):
        _log.error("request failed", exc_info=error)
        return Refusal(503, f"the server cannot do this now: {type(error).__name__}")
    _log.error("request failed", exc_info=error)
    return Refusal(500, "the server failed; its log says why")


def _refused_behind(error: EndpointRefusal) -> Refusal:
    """What the server behind a model refused: the client's faults in its words, ours in the log."""
    wait = WAIT if error.retry_after is None else math.ceil(error.retry_after)
    if error.status in (400, 413, 422):
        said = error.said or "the server behind this model cannot do what was asked"
        status = 413 if error.status == 413 else 400
        return Refusal(status, said, code=error.code, param=error.param)
    if error.status == 429:
        return busy(wait, "the server behind this model has too much to do")
    _log.error("%s", error)
    if error.status == 404:
        return Refusal(
            404,
            "the server behind this model does not know it; its operator finds more in the log",
            code="model_not_found",
            param="model",
        )
    if error.status == 408 or error.status >= 500:
        return Refusal(
            503, "the server behind this model failed", headers={"Retry-After": str(max(1, wait))}
        )
    return Refusal(
        502, "the server behind this model refuses us; its operator finds why in the log"
    )
