"""Which blocks of the key-value cache are whose, and which prompts' beginnings they hold."""

from __future__ import annotations

import hashlib
from array import array
from collections import OrderedDict
from collections.abc import Sequence

BLOCK = 32
"""Tokens in a block: what OpenVINO's paged attention is built for on a CPU."""
_UNKNOWN = 2
"""Tokens at a prompt's end that are read in any case."""


class Blocks:
    """Blocks by number. Full ones are kept after use, by content, until their place is needed.

    A block's key is the hash of all tokens up to its end, with the ``space`` they belong to
    (adapter and tenant), as in vLLM's automatic prefix caching; so no tenant can learn from
    another's answering times what was asked before. SHA-256, since a collision would mix answers.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = list(range(count))
        self._users: dict[int, int] = {}
        self._by_key: dict[bytes, int] = {}
        self._keys: dict[int, bytes] = {}
        self._idle: OrderedDict[int, None] = OrderedDict()
        """Held by nobody but still known by content, the longest unused first."""

    @property
    def available(self) -> int:
        """How many could be taken now."""
        return len(self._free) + len(self._idle)

    def reuse(self, space: str, tokens: Sequence[int]) -> list[int]:
        """Blocks that hold the beginning of these tokens, all but the last two tokens at most.

        They count as taken. The last token is left out because its logits are wanted, the one
        before because attention rounds a token that is read alone in another way.
        """
        found: list[int] = []
        for key in _keys(space, tokens[:-_UNKNOWN]):
            block = self._by_key.get(key)
            if block is None:
                break
            self._users[block] = self._users.get(block, 0) + 1
            self._idle.pop(block, None)
            found.append(block)
        return found

    def known(self, space: str, tokens: Sequence[int]) -> int:
        """How many blocks ``reuse`` would find."""
        keys = _keys(space, tokens[:-_UNKNOWN])
        return next((place for place, key in enumerate(keys) if key not in self._by_key), len(keys))

    def take(self, count: int) -> list[int] | None:
        """Fresh blocks, or None when there are not as many."""
        if count > self.available:
            return None
        taken = [self._free.pop() if self._free else self._evict() for _ in range(count)]
        for block in taken:
            self._users[block] = 1
        return taken

    def remember(self, space: str, tokens: Sequence[int], blocks: Sequence[int]) -> None:
        """Make full blocks that hold these tokens known by their content."""
        for key, block in zip(_keys(space, tokens), blocks, strict=False):
            if key not in self._by_key and block not in self._keys:
                self._by_key[key] = block
                self._keys[block] = key

    def release(self, blocks: Sequence[int]) -> None:
        """Give blocks back; the end of a text is forgotten before its beginning."""
        for block in reversed(blocks):
            self._users[block] -= 1
            if self._users[block] == 0:
                del self._users[block]
                if block in self._keys:
                    self._idle[block] = None
                else:
                    self._free.append(block)

    def forget(self) -> None:
        """Know nothing any more of what nobody uses now."""
        while self._idle:
            self._free.append(self._evict())

    def _evict(self) -> int:
        block, _ = self._idle.popitem(last=False)
        del self._by_key[self._keys.pop(block)]
        return block


def alike(first: Sequence[int], second: Sequence[int]) -> int:
    """Whole blocks that two prompts begin with alike, but for the second's last tokens."""
    most = min(len(first), max(0, len(second) - _UNKNOWN)) // BLOCK
    for block in range(most):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        if first[part] != second[part]:
            return block
    return most


def _keys(space: str, tokens: Sequence[int]) -> list[bytes]:
    keys = []
    digest = hashlib.sha256(space.encode()).digest()
    for start in range(0, len(tokens) // BLOCK * BLOCK, BLOCK):
        part = array("q", tokens[start : start + BLOCK]).tobytes()
        digest = hashlib.sha256(digest + part).digest()
        keys.append(digest)
    return keys
