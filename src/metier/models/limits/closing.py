"""How an answer that a grammar binds can be brought to its end in few tokens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

TRIES = 8
"""Walks to the end. The first one takes the longest token, which is shortest where nothing can be
chosen; the others take chances, so as not to go round in circles where an optional part has
optional parts, and to come upon the @ that an address needs."""
LETTERS = 8000
"""Bytes walked for a way: a text of counted length takes time with the square of its own."""
CLOSES = 1000.0
"""Rank of a closing mark."""
SINGLES = b"@.-:/_+#,;!?=&%*~^$|'() 01a"
"""What patterns wait for, letters and digits being as good as one another."""
FEW = 64
"""Tokens; where no more may come next, it is a fixed text in its different cuts."""
FIRST = 512
"""Tokens that are looked at before all others."""
Matcher = Any
"""xgrammar's automaton, which is imported late."""


class Closing:
    """Finds ways to the end for one tokenizer."""

    def __init__(self, info: Any, ends: Sequence[int]) -> None:
        """``info`` is what xgrammar knows of the tokenizer; ``ends`` are tokens that end a turn."""
        pieces: list[bytes] = info.decoded_vocab
        self._ends = np.asarray(ends)
        self._size = info.vocab_size
        self._rank = np.array([_rank(piece) for piece in pieces], np.float32)
        self._lengths = np.array([len(piece) for piece in pieces], np.float32)
        self._first = np.argsort(-self._rank, kind="stable")[:FIRST]
        self._quotes = np.array([n for n in self._first if pieces[n].startswith(b'"')])
        self._brackets = np.array([pieces.index(b"]"), pieces.index(b"}")])
        self.printable = _printable(pieces, self._size)
        """Bits of the tokens that JSON may hold; xgrammar lets bare control characters through
        where a string has a length."""
        single = [n for n, piece in enumerate(pieces) if len(piece) == 1 and piece in SINGLES]
        self._singles = np.array(single)

    def step(self, way: list[int]) -> tuple[int, list[int]]:
        """The next token of a way, and what is left of it; after its end, the end of the turn."""
        return (way[0], way[1:]) if way else (int(self._ends[0]), [])

    def way(self, matcher: Matcher, room: int) -> list[int] | None:
        """At most ``room`` tokens after which the answer is whole; the matcher stays as it is."""
        chance = np.random.default_rng(0)
        letters = 0.0
        for number in range(TRIES):
            found, walked = self._walk(matcher, room, chance if number else None)
            letters += walked
            if found is not None or letters > LETTERS:
                return found
        return None

    def _walk(
        self, matcher: Matcher, room: int, chance: np.random.Generator | None
    ) -> tuple[list[int] | None, float]:
        """The way, if this one ends, and the bytes that were walked."""
        import xgrammar

        mask = xgrammar.allocate_token_bitmask(1, self._size)
        words = mask.numpy()[0]
        taken: list[int] = []
        used: Counter[int] = Counter()
        letters = 0.0
        whole = matcher.is_terminated()
        while not whole:
            matcher.fill_next_token_bitmask(mask)
            mask &= self.printable
            whole = bool(_set(words, self._ends).any())
            if whole or len(taken) == room or letters > LETTERS or not words.any():
                break
            token = self._choose(words, used, chance)
            used[token] += 1
            letters += float(self._lengths[token])
            matcher.accept_token(token)
            taken.append(token)
        matcher.rollback(len(taken))
        return (taken if whole else None), letters

    def _choose(
        self, words: NDArray[np.int32], used: Counter[int], chance: np.random.Generator | None
    ) -> int:
        """A closing mark, else what is long; or, taking chances, a mark that was not used yet."""
        # Where a bracket may stand among many other tokens it is content, as } is in an address.
        text = bool(_set(words, self._brackets).any()) and _count(words) > FEW
        first = self._quotes if text else self._first
        found = _set(words, first)
        if found.any() and (chance is None or self._rank[first[found.argmax()]] >= CLOSES):
            return int(first[found.argmax()])
        some = np.flatnonzero(words)
        tokens = (some[:, None] * 32 + np.arange(32)).ravel()
        tokens = tokens[(tokens < len(self._rank)) & _set(words, tokens)]
        rank = self._lengths[tokens] if text else self._rank[tokens]
        if chance is None:
            return int(tokens[rank.argmax()])
        if len(tokens) > FEW:  # inside a text, where any mark may be what a pattern waits for
            single = _set(words, self._singles)
            tokens = self._singles[single] if single.any() else tokens
            rank = np.array([0.5 ** used[int(token)] for token in tokens])
        return int(tokens[(rank * chance.random(len(rank)) ** 2).argmax()])


def _set(words: NDArray[np.int32], tokens: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which of the tokens a mask of bits lets through."""
    found: NDArray[np.bool_] = (words[tokens >> 5] >> (tokens & 31)) & 1 > 0
    return found


def _count(words: NDArray[np.int32]) -> int:
    """How many tokens a mask of bits lets through."""
    return int(np.unpackbits(words.view(np.uint8)).sum())


def _printable(pieces: Sequence[bytes], size: int) -> torch.Tensor:
    import torch

    fit = np.ones(-(-size // 32) * 32, np.uint8)
    fit[[n for n, piece in enumerate(pieces) if any(byte < 32 for byte in piece)]] = 0
    return torch.from_numpy(np.packbits(fit, bitorder="little").view(np.int32))[None]


def _rank(piece: bytes) -> float:
    """Closing marks first, then what is long; what opens something last."""
    if piece and not piece.strip(b'"]}'):
        return CLOSES + len(piece) + (100 if piece[:1] != b'"' else 0)
    if not piece or any(mark in piece for mark in (b"{", b"[")):
        return 0.001
    return 1.0 + len(piece)
