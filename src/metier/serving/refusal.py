"""Every way in which the gateway says no, in the shape that OpenAI's clients read."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from metier.errors import DataError, EndpointError, MetierError
from metier.types import Json

_log = logging.getLogger("metier.serving")


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


def refusal_of(error: BaseException) -> Refusal:
    """Any error as an answer; what nobody foresaw is logged here and told without its insides."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, DataError):
        return Refusal(400, str(error))
    if isinstance(error, EndpointError):
        return Refusal(503, str(error), headers={"Retry-After": "5"})
    if isinstance(error, MetierError):
        _log.error("request failed", exc_info=error)
        return Refusal(503, f"the server cannot do this now: {type(error).__name__}")
    _log.error("request failed", exc_info=error)
    return Refusal(500, "the server failed; its log says why")
