"""What an endpoint says when it refuses: its words kept, its key and ours left out."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from metier.errors import EndpointRefusal
from metier.types import Json

HINTS = {401: "; check OPENAI_API_KEY", 404: "; check the model's name and the URL"}
LONGEST = 2000
"""Characters of the endpoint's own words."""


def refused(name: str, error: Any, *, key: str | None) -> EndpointRefusal:
    """The official client's ``APIStatusError`` as ours."""

    def without_key(text: str) -> str:
        return text.replace(key, "(the key)") if key else text

    body = error.body if isinstance(error.body, dict) else {}
    told = without_key(str(error.message))[:300]
    return EndpointRefusal(
        f"{name} answered {error.status_code}: {told}{HINTS.get(error.status_code, '')}",
        status=error.status_code,
        said=without_key(str(body.get("message") or ""))[:LONGEST],
        code=_word(body.get("code")),
        param=_word(body.get("param")),
        retry_after=_retry_after(error.response.headers),
    )


def _word(value: Json) -> str | None:
    """A code in OpenAI's sense; others put the status there, as a number."""
    return value if isinstance(value, str) else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds; endpoints may also tell milliseconds, or a day and hour."""
    if "retry-after-ms" in headers:
        return _number(headers["retry-after-ms"], per_second=1000)
    told = headers.get("retry-after", "")
    seconds = _number(told)
    if seconds is not None:
        return seconds
    try:
        return parsedate_to_datetime(told).timestamp() - time.time()
    except ValueError:
        return None


def _number(text: str, *, per_second: float = 1) -> float | None:
    try:
        number = float(text) / per_second
    except ValueError:
        return None
    return number if math.isfinite(number) else None
