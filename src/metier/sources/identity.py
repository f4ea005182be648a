"""Gives documents ids that stay the same, and finds ids that are given twice."""

from __future__ import annotations

from array import array
from hashlib import blake2b

SMALLEST = 1 << 16


class HashSet:
    """A set of 64-bit hashes in 12 to 48 bytes each; Python's own takes a hundred.

    Open addressing with linear steps: Knuth, The Art of Computer Programming 3, algorithm 6.4 L.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * SMALLEST))
        self._mask = SMALLEST - 1
        self._room = SMALLEST * 2 // 3

    def add(self, key: int) -> bool:
        """Put ``key`` in; False if it was in before."""
        key = key or 1  # 0 marks a free slot
        slots, mask = self._slots, self._mask
        place = key & mask
        while there := slots[place]:
            if there == key:
                return False
            place = (place + 1) & mask
        slots[place] = key
        self._room -= 1
        if not self._room:
            self._grow()
        return True

    def _grow(self) -> None:
        import numpy as np

        kept = np.frombuffer(self._slots, dtype=np.uint64)
        keys = kept[kept != 0].tolist()
        size = 4 * len(self._slots)
        self._slots = array("Q", bytes(8 * size))
        self._mask = size - 1
        self._room = size * 2 // 3
        for key in keys:
            self.add(key)


class ContentIds:
    """Ids made of what a document says, the same at each reading and wherever it stands."""

    def __init__(self) -> None:
        self._seen = HashSet()
        self._repeats: dict[int, int] = {}
        self._hashers: dict[str, blake2b] = {}

    def name(self, origin: str, text: str) -> str:
        """16 hex digits of the hash of both; repeats get ``-2``, ``-3``, ... in their order."""
        hasher = self._hasher(origin).copy()
        hasher.update(text.encode())
        digest = hasher.digest()
        number = int.from_bytes(digest, "big")
        if self._seen.add(number):
            return digest.hex()
        count = self._repeats[number] = self._repeats.get(number, 1) + 1
        return f"{digest.hex()}-{count}"

    def _hasher(self, origin: str) -> blake2b:
        if origin not in self._hashers:
            # Keyed, so that no pair of origin and text runs together into another pair's bytes.
            key = blake2b(origin.encode(), digest_size=32).digest()
            self._hashers[origin] = blake2b(digest_size=8, key=key)
        return self._hashers[origin]


class GivenIds:
    """Watches over ids that the data itself brings."""

    def __init__(self) -> None:
        self._seen = HashSet()

    def is_new(self, identifier: str) -> bool:
        """False if it, or with a chance of 1 in 10^19 another of the same hash, was met before."""
        digest = blake2b(identifier.encode(), digest_size=8).digest()
        return self._seen.add(int.from_bytes(digest, "big"))
