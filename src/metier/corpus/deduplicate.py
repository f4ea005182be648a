"""Exact duplicates and near duplicates among documents."""

from __future__ import annotations

import hashlib
import tempfile
import zlib
from array import array
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, NamedTuple

from metier.retrieval.store.words import EACH_WORD
from metier.store import writing_temporary_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHINGLE = 5
_PERMUTATIONS = 128
_BANDED = (0.05, 0.95)
_BASE = 0x9E3779B97F4A7C15  # odd, so that multiplying by it loses nothing modulo 2**64


@dataclass(frozen=True, slots=True)
class Deduplication:
    """Which duplicates an ingest leaves out.

    Near duplicates share ``threshold`` or more of their 5-word shingles (Jaccard). Five words
    and 0.7 are the customary values for web text (Lee et al. 2022, "Deduplicating Training Data
    Makes Language Models Better", use the same method).
    """

    exact: bool = True
    near: bool = False
    threshold: float = 0.7


def text_key(text: str, tenant: str = "") -> bytes:
    """16 bytes that are equal for a tenant's texts that differ only in white space and case."""
    normal = " ".join(text.split()).casefold()
    hasher = hashlib.blake2b(normal.encode("utf-8", "surrogatepass"), digest_size=16)
    hasher.update(f"\n{tenant}".encode() if tenant else b"")  # no normal text has a line feed
    return hasher.digest()


def is_seen_by(owner: str, tenant: str) -> bool:
    """Whether a tenant sees what ``owner`` has; nobody's is everybody's."""
    return owner in ("", tenant)


class Found(NamedTuple):
    """An earlier text like the one just added."""

    number: int
    """Counting from 0 in the order of ``add``."""
    similarity: float


class NearDuplicates:
    """Remembers the texts it has seen and finds the first one that a new text resembles.

    MinHash with 128 permutations and locality-sensitive hashing propose candidates; the true
    Jaccard similarity of the shingles decides, so there are no false positives. Shingles wait in a
    temporary file (8 bytes a word); the hash tables take about 5 kB of memory for each text kept.
    A text shorter than five words is compared by all its words at once.
    """

    def __init__(self, threshold: float = 0.7) -> None:
        from datasketch import MinHash, MinHashLSH

        self.threshold = threshold
        # Recall weighs more than precision, which the true similarity restores. Near 1 the library
        # finds no two bands, and near 0 each has one value: then a lower or higher one proposes.
        proposing = min(max(threshold, _BANDED[0]), _BANDED[1])
        self._index = MinHashLSH(proposing, num_perm=_PERMUTATIONS, weights=(0.2, 0.8))
        self._minhash = MinHash(num_perm=_PERMUTATIONS, seed=1, hashfunc=int)
        self._spill: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by __exit__)
        self._ends = array("Q", [0])
        self._owners: list[str] = []

    def __enter__(self) -> NearDuplicates:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # of a full disk, of which was told when it was written to
            self._spill.close()

    def add(self, text: str, tenant: str = "") -> Found | None:
        """Remember the text, unless an earlier one has ``threshold`` or more of its shingles.

        Only texts that the tenant sees count: its own and everybody's.
        """
        with writing_temporary_files():
            return self._add(text, tenant)

    def _add(self, text: str, tenant: str) -> Found | None:
        shingles = shingle_hashes(text)
        sketch = self._minhash.copy()
        # MinHash takes 32-bit values; equality of sets is judged on all 64 bits below.
        sketch.update_batch((shingles >> 32).tolist())
        number = len(self._ends) - 1
        candidates = sorted(self._index.query(sketch)) if len(shingles) else []
        self._owners.append(tenant)
        for candidate in candidates:
            if not is_seen_by(self._owners[candidate], tenant):
                continue
            similarity = _jaccard(shingles, self._shingles(candidate))
            if similarity >= self.threshold:
                self._ends.append(self._ends[-1])
                return Found(candidate, similarity)
        if len(shingles):
            self._index.insert(number, sketch, check_duplication=False)
            self._spill.seek(8 * self._ends[-1])
            self._spill.write(shingles.tobytes())
        self._ends.append(self._ends[-1] + len(shingles))
        return None

    def _shingles(self, index: int) -> NDArray[np.uint64]:
        import numpy as np

        start, end = self._ends[index], self._ends[index + 1]
        self._spill.seek(8 * start)
        return np.frombuffer(self._spill.read(8 * (end - start)), dtype=np.uint64)


def shingle_hashes(text: str) -> NDArray[np.uint64]:
    """The distinct 5-word shingles of a text as sorted 64-bit hashes, case ignored."""
    import numpy as np

    words = EACH_WORD.findall(text.casefold())
    codes = np.fromiter(
        (zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words),
        dtype=np.uint64,
        count=len(words),
    )
    size = min(_SHINGLE, len(words))
    if not size:
        return codes
    hashes = np.zeros(len(words) - size + 1, dtype=np.uint64)
    for offset in range(size):
        hashes = (hashes + codes[offset : offset + len(hashes)] + np.uint64(1)) * np.uint64(_BASE)
    # The high bits of a product are the mixed ones; a last xor-shift lets the low ones follow.
    return np.unique(hashes ^ (hashes >> np.uint64(29)))


def _jaccard(first: NDArray[np.uint64], second: NDArray[np.uint64]) -> float:
    import numpy as np

    shared = len(np.intersect1d(first, second, assume_unique=True))
    return shared / (len(first) + len(second) - shared)
