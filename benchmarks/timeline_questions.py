"""Questions about entities on days, with their answers from the change logs."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, zip_longest
from pathlib import Path

from benchmarks.timeline_data import Releases, Row, State, aliases, read, release_names
from metier.retrieval.authority.aliases import folded
from metier.types import Json

LAST_DAY = "2024-12-31"
SKIP = "\0"
LOGS = {"attack": ("cyber_attack", "stix_id"), "actors": ("cyber_threat_actors", "uuid")}
"""The folder of each source, and the key of an entity in its change logs."""


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """One question about one entity on one day, and what the change log says."""

    text: str
    entity: str
    field: str
    day: str
    answer: Json
    """None when the entity was not there on that day."""
    source: str


def questions(data: Path, releases: Releases, *, each: int, seed: int) -> list[Question]:
    """``each`` questions from either source, half of them on the day before an entry's change.

    An entity is called by its key or by one of its names that no other entity has.
    """
    asking = _Asking(data, releases, random.Random(seed))
    return [one for source in LOGS for one in islice(asking.about(source), each)]


ASKED = {
    "renamed": "name",
    "platforms": "platforms",
    "tactics": "tactics",
    "aliases": "also_called",
    "revoked": "replaced_by",
    "added": "name",
    "country": "country",
    "synonyms_added": "also_called",
    "synonyms_removed": "also_called",
}
"""The field that a kind of change log entry is about."""
WORDINGS = {
    "name": (
        "What was {e} called {t}?",
        "Which name did {e} have {t}?",
        "{T}, what was the name of {e}?",
    ),
    "platforms": (
        "Which platforms did {e} run on {t}?",
        "{T}, what platforms were listed for {e}?",
        "On what platforms was {e} known to work {t}?",
    ),
    "tactics": ("Which tactics did {e} belong to {t}?", "{T}, what tactics was {e} listed under?"),
    "also_called": (
        "What were the other names of {e} {t}?",
        "Which aliases did {e} have {t}?",
        "{T}, under which synonyms was {e} known?",
    ),
    "replaced_by": ("What was {e} replaced by {t}?", "{T}, by what was {e} superseded?"),
    "country": ("Which country was {e} attributed to {t}?", "{T}, from which country was {e}?"),
}


class _Asking:
    """Makes questions, one for each entry of a change log that has an answer."""

    def __init__(self, data: Path, releases: Releases, draw: random.Random) -> None:
        self._data = data
        self._releases = releases
        self._draw = draw
        self._release_names = release_names(data)
        self._kinds: dict[str, str] = {}
        owners: dict[str, set[str]] = defaultdict(set)
        names: dict[str, dict[str, None]] = defaultdict(dict)
        for alias in aliases(releases):
            owners[folded(alias.name)].add(alias.entity)
            names[alias.entity][alias.name] = None
            self._kinds[alias.entity] = alias.kind
        self._names = {
            entity: [name for name in called if owners[folded(name)] == {entity}]
            for entity, called in names.items()
        }
        states = (s for dated in releases.values() for found in dated.values() for s in found)
        self._names |= {state.entity: [state.key] for state in states if state.key}

    def about(self, source: str) -> Iterator[Question]:
        """From one source's logs."""
        states = {
            (day, state.entity): state
            for day, found in self._releases[source].items()
            for state in found
        }
        for row in self._entries(source):
            field = ASKED[str(row["kind"])]
            entity = str(row[LOGS[source][1]])
            names = self._names.get(entity)
            old = self._draw.random() < 0.5
            start = str(row["from_date" if old else "to_date"])
            answer = _answer(row, field, old, states.get((start, entity)))
            if not names or answer == SKIP:
                continue
            name = self._draw.choice(names)
            if field == "name" and folded(name) == folded(str(answer or "")):
                continue  # the question would hold its answer
            when, day = self._when(start, source)
            who = f"{self._kinds[entity]} {name}" if source == "attack" else name
            wording = self._draw.choice(WORDINGS[field])
            text = wording.format(e=who, t=when, T=when[0].upper() + when[1:])
            yield Question(text, entity, field, day, answer, source)

    def _entries(self, source: str) -> Iterator[Row]:
        """The logs' entries, as many of each kind as there are, in turn: renamings are rare."""
        by_kind: dict[str, list[Row]] = defaultdict(list)
        for path in sorted((self._data / LOGS[source][0]).glob("changes-*")):
            for row in read(path):
                if str(row["kind"]) in ASKED:
                    by_kind[str(row["kind"])].append(row)
        for entries in by_kind.values():
            self._draw.shuffle(entries)
        for turn in zip_longest(*by_kind.values()):
            yield from (row for row in turn if row is not None)

    def _when(self, start: str, source: str) -> tuple[str, str]:
        """A release's name, its date, or any day until the next: as said, and as ISO 8601."""
        later = [day for day in self._releases[source] if day > start]
        first, last = date.fromisoformat(start), date.fromisoformat(later[0] if later else LAST_DAY)
        day = first + timedelta(days=self._draw.randrange((last - first).days))
        forms = [
            f"on {day.isoformat()}",
            f"as of {day.day} {day:%B %Y}",
            f"on {day:%B} {day.day}, {day.year}",
        ]
        if source == "attack":
            named = [name for name, on in self._release_names.items() if on == start]
            forms += [f"in {name}" for name in named]
        when = self._draw.choice(forms)
        return when, start if when.startswith("in v") else day.isoformat()


def _answer(row: Row, field: str, old_side: bool, state: State | None) -> Json:
    """What the log says; of synonyms, which it gives as differences, what the release says."""
    kind = row["kind"]
    if kind == "added":
        return None if old_side else (state.fields["name"] if state else SKIP)
    if kind == "revoked":
        new = row["new"]
        return SKIP if old_side or not isinstance(new, dict) else new["name"]
    if kind in ("synonyms_added", "synonyms_removed"):
        return state.fields["also_called"] if state and state.fields["also_called"] else SKIP
    value = row["old" if old_side else "new"]
    if kind == "aliases" and isinstance(value, list):
        name = state.fields["name"] if state else None
        value = [one for one in value if one != name]
    return SKIP if value in (None, [], "") else value
