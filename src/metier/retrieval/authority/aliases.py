"""Finds the entities that a text names, under whichever of their names."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from metier.errors import SourceError
from metier.types import Alias, Json, Mention

_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
# What may stand between two words of one name; a full stop and a blank end a sentence.
_JOINT = re.compile(r"\s?[-–_/'’&+(:#]?\s?|\.")
_SENTENCE_START = re.compile(r"(?:^|[.!?:]\s+|\n)[\s\"'(«“]*$")


class AliasTable:
    """Every name of every entity; a name is the same whatever its case and punctuation.

    ``APT29``, ``APT 29`` and ``apt-29`` are one name. A name of several entities means all of
    them, unless it is the canonical name of one, or the text tells which (``link``).
    """

    def __init__(self, aliases: Iterable[Alias], *, common: Collection[str] = ()) -> None:
        """``common`` are names that are also plain words (``common_names`` finds them).

        Such a name counts only where the text writes it as the table does, and not at the start
        of a sentence, where any word has a capital.
        """
        self._names: dict[str, list[str]] = {}
        self._kinds: dict[str, str] = {}
        self._entities: dict[str, list[str]] = defaultdict(list)
        self._spelled: dict[str, set[str]] = defaultdict(set)
        for alias in aliases:
            self._add(alias)
        for entity in list(self._names):
            # Last, so that a canonical name comes first among those who have it.
            key = folded(entity)
            self._entities[key] = [entity, *(e for e in self._entities[key] if e != entity)]
            self._spelled[key].add(entity)
        self._entities.pop("", None)
        self._longest = max(map(len, self._entities), default=0)
        self._common = {folded(name) for name in common}

    @classmethod
    def read(cls, path: Path, *, common: Collection[str] = ()) -> AliasTable:
        """From CSV or JSON Lines with ``alias``, ``canonical`` and, if there is, ``kind``."""
        return cls(read_aliases(path), common=common)

    def __len__(self) -> int:
        """The number of names."""
        return len(self._entities)

    def names(self, entity: str) -> tuple[str, ...]:
        """What the entity is called, in the table's order; none for an unknown key."""
        return tuple(self._names.get(entity, ()))

    def resolve(self, name: str) -> tuple[str, ...]:
        """The entities of exactly this name, the likeliest first; none when it is no name."""
        return tuple(self._entities.get(folded(name), ()))

    def link(self, text: str) -> list[Mention]:
        """Every name in the text, in order: the longest at each place, whole words only.

        A name of several entities is narrowed by a word for the kind of one of them
        (``technique T1217``), else by another name in the text that only one of them has.
        """
        found = list(self._found(text))
        sure = {mention.entities[0] for mention in found if len(mention.entities) == 1}
        words = {folded(word) for word in _WORD.findall(text)}
        return [self._narrowed(mention, words, sure) for mention in found]

    def expand(self, question: str, limit: int = 4) -> str:
        """The question with up to ``limit`` other names of each entity that it surely names."""
        asked = folded(question)
        more: list[str] = []
        for mention in self.link(question):
            if len(mention.entities) == 1:
                others = {folded(name): name for name in self._names.get(mention.entities[0], ())}
                more += [name for key, name in others.items() if key not in asked][:limit]
        return " ".join([question, *dict.fromkeys(more)])

    def common_names(self, texts: Iterable[str]) -> set[str]:
        """Names that these texts use as plain words: in small letters at least as often as not."""
        small: Counter[str] = Counter()
        other: Counter[str] = Counter()
        plain = {key for key, names in self._spelled.items() if _has_capitals(names)}
        for text in texts:
            for start, end, key in self._places(text):
                if key in plain:
                    (small if text[start:end].islower() else other)[key] += 1
        return {key for key, count in small.items() if count >= other[key]}

    def _add(self, alias: Alias) -> None:
        key = folded(alias.name)
        names = self._names.setdefault(alias.entity, [])
        if alias.kind:
            self._kinds.setdefault(alias.entity, alias.kind)
        if key and alias.name not in names:
            names.append(alias.name)
            self._spelled[key].add(alias.name)
            if alias.entity not in self._entities[key]:
                self._entities[key].append(alias.entity)

    def _found(self, text: str) -> Iterator[Mention]:
        for start, end, key in self._places(text):
            if key not in self._common or self._is_name(text, start, end, key):
                canonical = [e for e in self._entities[key] if folded(e) == key]
                yield Mention(start, end, tuple(canonical or self._entities[key]))

    def _places(self, text: str) -> Iterator[tuple[int, int, str]]:
        words = list(_WORD.finditer(text))
        place = 0
        while place < len(words):
            key, count = self._longest_at(text, words, place)
            if count:
                yield words[place].start(), words[place + count - 1].end(), key
            place += count or 1

    def _longest_at(self, text: str, words: Sequence[re.Match[str]], place: int) -> tuple[str, int]:
        key, best, count = "", "", 0
        for taken, word in enumerate(words[place:], 1):
            before = words[place + taken - 2].end() if taken > 1 else word.start()
            key += folded(word.group())
            if len(key) > self._longest or not _JOINT.fullmatch(text, before, word.start()):
                break
            if key in self._entities:
                best, count = key, taken
        return best, count

    def _is_name(self, text: str, start: int, end: int, key: str) -> bool:
        spelled = text[start:end]
        if spelled.isupper() and len(spelled) > 1:
            return True
        return spelled in self._spelled[key] and not _SENTENCE_START.search(text[:start])

    def _narrowed(self, mention: Mention, words: set[str], sure: set[str]) -> Mention:
        if len(mention.entities) == 1:
            return mention
        kinds = [e for e in mention.entities if folded(self._kinds.get(e, "")) in words]
        named = [e for e in mention.entities if e in sure]
        return Mention(mention.start, mention.end, tuple(kinds or named or mention.entities))


def folded(name: str) -> str:
    """Letters and digits alone, without case, accents or width: ``apt29`` for ``APT-29``."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(sign for sign in decomposed if sign.isalnum())


def read_aliases(path: Path) -> Iterator[Alias]:
    """The rows of a CSV or JSON Lines file; ``SourceError`` names the line that cannot serve."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            yield from (_alias(row, f"{path}:{line}") for line, row in _rows(stream, path))
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(
            f"{path}: the names cannot be read ({error}); give a CSV or JSON Lines file in UTF-8"
        ) from error


def _rows(stream: Iterable[str], path: Path) -> Iterator[tuple[int, dict[str, Json]]]:
    if path.suffix.lower() == ".csv":
        reader = csv.DictReader(stream)
        yield from ((reader.line_num, dict(row)) for row in reader)
        return
    for line, text in enumerate(stream, 1):
        if not text.isspace():
            try:
                row = json.loads(text)
            except ValueError as error:
                raise SourceError(f"{path}:{line}: not JSON ({error}); mend the line") from None
            yield line, row if isinstance(row, dict) else {}


def _alias(row: dict[str, Json], where: str) -> Alias:
    name, entity = row.get("alias"), row.get("canonical")
    if not isinstance(name, str) or not isinstance(entity, str) or not name or not entity:
        raise SourceError(f"{where}: needs the columns alias and canonical, both with a text")
    return Alias(name, entity, str(row.get("kind") or ""))


def _has_capitals(names: Iterable[str]) -> bool:
    return all(any(sign.isupper() for sign in name) for name in names)
