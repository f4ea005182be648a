"""Names spelled in one way only: not once more with escapes that JSON does not need."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_NEEDLESS = re.compile(rb"(?<!\\)(?:\\\\)*\\[u/]")
_AT_END = re.compile(rb"\\*$")


class Spelling:
    """Which tokens begin no ``\\u`` and no ``\\/``, wherever their backslash stands."""

    def __init__(self, pieces: Sequence[bytes], size: int) -> None:
        self._pieces = pieces
        self._fit = [_fit([begun + piece for piece in pieces], size) for begun in (b"", b"\\")]

    def fit(self, open_escape: bool) -> torch.Tensor:
        """A mask of bits of the next tokens, after a backslash that escapes or elsewhere."""
        return self._fit[open_escape]

    def opens(self, token: int, open_escape: bool) -> bool:
        """Whether the text ends with a backslash that escapes, once it goes on with the token."""
        found = _AT_END.search(b"\\" * open_escape + self._pieces[token])
        return found is not None and len(found[0]) % 2 == 1


def _fit(pieces: Sequence[bytes], size: int) -> torch.Tensor:
    import torch

    fit = np.ones(-(-size // 32) * 32, np.uint8)
    fit[[n for n, piece in enumerate(pieces) if _NEEDLESS.search(piece)]] = 0
    return torch.from_numpy(np.packbits(fit, bitorder="little").view(np.int32))[None]
