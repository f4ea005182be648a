"""Links to sources that do nothing but lead there."""

from __future__ import annotations

import re
from urllib.parse import quote, urlsplit

_SCHEMES = ("", "http", "https", "file")
_SAFE = "%/:?#@&=+$,;~-._"
"""Characters of a URI that end no link in Markdown or HTML; the others are percent-encoded."""


def page_link(uri: str, page: int | None) -> str:
    """The link to a page of a PDF, as browsers and viewers understand it: ``#page=N``."""
    if page is None or not uri:
        return uri
    return f"{uri.split('#')[0]}#page={page}"


def safe_link(uri: str) -> str | None:
    """The link as it may stand in a document; None for anything but a web or file address."""
    cleaned = re.sub(r"[\x00-\x20\x7f-\x9f]+", lambda found: "%20" * (" " in found[0]), uri)
    try:
        parts = urlsplit(cleaned)
    except ValueError:
        return None
    if not cleaned or parts.scheme.lower() not in _SCHEMES:
        return None
    return quote(cleaned, safe=_SAFE)
