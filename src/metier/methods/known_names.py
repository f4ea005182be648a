"""Whether a question names only whom the training texts speak of: else no memory answers it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from metier.methods.files import read_arrays, write_arrays
from metier.protocols import FitContext
from metier.retrieval.grounding.reading import Word, read
from metier.retrieval.store.words import recognise
from metier.types import ABSTENTION

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FILE = "names.npz"
_NOUNS_HAVE_CAPITALS = ("de",)
_UNDETERMINED = "und"  # ISO 639's; "" would have each text's language guessed, and stems differ


class KnownNames:
    """Which words stand together in one learnt document.

    A tuned model's weights tell a stranger badly from an acquaintance: in a new style of question
    their confidence orders them right nine times in ten (``docs/decisions/0019``). Who was spoken
    of is known exactly when the adapter is made, so it is looked up.
    """

    def __init__(
        self, words: NDArray[np.uint64], documents: NDArray[np.uint32], language: str
    ) -> None:
        """Shape (postings,) both: a word's hash and a document that holds it, in order of hash."""
        self._words, self._documents = words, documents
        self._language = language

    @classmethod
    def of(cls, texts: Iterable[tuple[str, str]]) -> KnownNames:
        """From (document, text); a document may come in several texts."""
        import numpy as np

        learnt = list(texts)
        language = recognise([text for _, text in learnt]) or _UNDETERMINED
        numbers: dict[str, int] = {}
        postings: set[tuple[int, int]] = set()
        for document, text in learnt:
            number = numbers.setdefault(document, len(numbers))
            postings |= {(_hash(word), number) for word in read(text, language).words}
        ordered = sorted(postings)
        return cls(
            np.array([word for word, _ in ordered], dtype=np.uint64),
            np.array([number for _, number in ordered], dtype=np.uint32),
            language,
        )

    @classmethod
    def read(cls, path: Path) -> KnownNames:
        """As ``write`` left it; ``ModelFileError`` when the file is missing or broken."""
        stored = read_arrays(path, ("words", "documents", "language"))
        return cls(stored["words"], stored["documents"], str(stored["language"]))

    def write(self, path: Path) -> None:
        """Keep it beside the adapter."""
        import numpy as np

        language = np.array(self._language)
        write_arrays(
            path, {"words": self._words, "documents": self._documents, "language": language}
        )

    def knows(self, question: str) -> bool:
        """Whether some learnt document holds all of the question's names; true if it has none.

        A name is a word with a capital inside of a sentence. Where every word has capitals, or
        every noun as in German, names cannot be told, and true is returned.
        """
        import numpy as np

        if question.isupper() or self._language in _NOUNS_HAVE_CAPITALS:
            return True
        names = {_hash(word) for word in read(question, self._language).words if _is_name(word)}
        holding: set[int] | None = None
        for word in names:
            first, last = (
                int(np.searchsorted(self._words, np.uint64(word), side))
                for side in ("left", "right")
            )
            found = set(self._documents[first:last].tolist())
            holding = found if holding is None else holding & found
        return holding is None or bool(holding)


def learnt_texts(context: FitContext) -> Iterable[tuple[str, str]]:
    """What a rung learns from: training rows that have an answer, and the documents if they are."""
    for row in context.train:
        if row.target != ABSTENTION:
            yield row.origin or row.group or row.id, f"{row.input}\n{row.target}"
    if context.settings["documents"] and context.corpus is not None:
        for chunk in context.corpus.chunks():
            yield chunk.source.document, f"{chunk.title}\n{chunk.text}"


def _is_name(word: Word) -> bool:
    return word.name and word.content and word.end - word.start > 1  # no initials


def _hash(word: Word) -> int:
    return int.from_bytes(blake2b(word.stem.encode(), digest_size=8).digest(), "little")
