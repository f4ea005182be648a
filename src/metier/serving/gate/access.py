"""Who may ask for what, how often: keys, scopes, tenants, rate limits, quotas."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from metier.errors import DataError
from metier.serving.records.book import Book
from metier.serving.refusal import Refusal, busy

SCOPES = ("ask", "embed", "feedback", "history", "prompts")
"""What a key may do unless told."""
OPERATOR = "operator"
"""Adding and removing models, which names places on the server's disk: only for keys that were made
for it, and never without a key."""
METRICS = "metrics"
"""Numbers of the whole server, every tenant's models by their names among them: only for keys of no
tenant that were made for it."""
PREFIX = "mt"


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request."""

    key: str = ""
    """The key's public part; empty where no keys are used."""
    tenant: str = ""
    scopes: tuple[str, ...] = (*SCOPES, METRICS)
    per_minute: int | None = None
    tokens_per_day: int | None = None

    def may(self, scope: str) -> bool:
        """Whether its key lets it; a tenant's shows no metrics, whatever it was made for."""
        return scope in self.scopes and not (scope == METRICS and self.tenant)


def create_key(
    book: Book,
    name: str,
    *,
    tenant: str = "",
    scopes: tuple[str, ...] = SCOPES,
    per_minute: int | None = None,
    tokens_per_day: int | None = None,
) -> str:
    """Make a key and return it; this is the only time that its secret can be seen.

    The secret has 256 random bits, so one round of SHA-256 is enough: there is nothing to guess,
    which slow hashes are for.
    """
    known = (*SCOPES, METRICS, OPERATOR)
    unknown = sorted(set(scopes) - set(known))
    if unknown:
        choice = ", ".join(known)
        raise DataError(f"there is no scope {unknown[0]!r}; choose from {choice}")
    if OPERATOR in scopes and tenant:
        raise DataError("an operator's key is no tenant's, since models may be everybody's")
    if METRICS in scopes and tenant:
        raise DataError("a key that reads metrics is no tenant's, since they tell of all tenants")
    key, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    book.add_key(
        {
            "id": key,
            "hash": _hash(secret),
            "name": name,
            "tenant": tenant,
            "scopes": scopes,
            "per_minute": per_minute,
            "tokens_per_day": tokens_per_day,
        }
    )
    book.audit("operator", "create key", key)
    return f"{PREFIX}_{key}_{secret}"


def revoke_key(book: Book, key: str) -> None:
    """End a key's rights, given its public part or the whole key; ``DataError`` if unknown."""
    public = key.split("_")[1] if key.startswith(f"{PREFIX}_") else key
    if not book.revoke(public):
        raise DataError(f"no key {public!r} is in force; `metier keys list` shows them")
    book.audit("operator", "revoke key", public)


class Access:
    """Admits callers. Keys are needed as soon as the book has one, even one that was revoked."""

    def __init__(self, book: Book, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._book = book
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def caller(self, headers: Mapping[str, str]) -> Caller:
        """Who this is; ``Refusal`` 401 with the same words for every kind of wrong key.

        Without keys, 403 for who calls this machine by another name: a page in its browser, whose
        name was pointed here, would else read along as if it came from here.
        """
        if not self._book.has_keys():
            _expect_here(headers.get("host", ""))
            return Caller()
        scheme, _, given = headers.get("authorization", "").partition(" ")
        parts = given.strip().split("_", 2)
        row = None
        if scheme.lower() == "bearer" and len(parts) == 3 and parts[0] == PREFIX:
            row = self._book.key(parts[1])
        known = row["hash"] if row else b"\0" * 32
        # Compared even where no such key exists, so that time tells nothing.
        same = hmac.compare_digest(known, _hash(parts[-1]))
        if row is None or not same or row["revoked"] is not None:
            raise Refusal(
                401,
                "this key is not known or was revoked; send `Authorization: Bearer KEY` with one "
                "that `metier keys create` made",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scopes = tuple(json.loads(row["scopes"]))
        return Caller(row["id"], row["tenant"], scopes, row["per_minute"], row["tokens_per_day"])

    def admit(self, caller: Caller, scope: str) -> Mapping[str, str]:
        """Count a request against the limits; headers that tell what is left."""
        if not caller.may(scope):
            raise Refusal(
                403,
                f"this needs a key with the scope {scope!r}, such as `metier keys create NAME "
                f"--scope {scope}` makes",
                code="insufficient_scope",
            )
        headers: dict[str, str] = {}
        if caller.per_minute is not None:
            headers |= self._take(caller.key, caller.per_minute)
        if caller.tokens_per_day is not None:
            headers |= self._quota(caller, caller.tokens_per_day)
        return headers

    def _take(self, key: str, per_minute: int) -> dict[str, str]:
        """A token bucket: at most ``per_minute`` at once, filled evenly."""
        with self._lock:
            now = self._clock()
            left, since = self._buckets.get(key, (float(per_minute), now))
            left = min(per_minute, left + (now - since) * per_minute / 60)
            enough = left >= 1
            left -= enough
            self._buckets[key] = (left, now)
        headers = {
            "x-ratelimit-limit-requests": str(per_minute),
            "x-ratelimit-remaining-requests": str(int(left)),
            "x-ratelimit-reset-requests": f"{(per_minute - left) * 60 / per_minute:.3f}s",
        }
        if not enough:
            wait = (1 - left) * 60 / per_minute
            refusal = busy(int(wait) + 1, f"more than {per_minute} requests a minute")
            refusal.headers.update(headers)
            raise refusal
        return headers

    def _quota(self, caller: Caller, most: int) -> dict[str, str]:
        day = 86400
        midnight = time.time() // day * day
        spent = self._book.tokens_since(caller.key, midnight)
        left = max(0, most - spent)
        reset = midnight + day - time.time()
        headers = {
            "x-ratelimit-limit-tokens": str(most),
            "x-ratelimit-remaining-tokens": str(left),
            "x-ratelimit-reset-tokens": f"{reset:.0f}s",
        }
        if left == 0:
            raise Refusal(
                429,
                f"this key's {most:,} tokens of today (UTC) are spent",
                code="insufficient_quota",
                headers={**headers, "Retry-After": str(int(reset) + 1)},
            )
        return headers


def is_loopback(host: str) -> bool:
    """Whether only this machine is called so."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _expect_here(host: str) -> None:
    """With the port or without; no browser leaves the header out."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        name = host
    if host and not is_loopback(name):
        raise Refusal(
            403,
            f"without keys this server answers to localhost and 127.0.0.1, not to {host!r}; make a "
            "key with `metier keys create NAME`",
            code="unknown_host",
        )


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
