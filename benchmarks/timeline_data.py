"""ATT&CK and MISP's threat actors in their dated releases, as passages and names."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from metier.types import Alias, Chunk, Json, Passage, Span

FIELDS = ("name", "also_called", "platforms", "tactics", "replaced_by", "country")
DESCRIPTION = 300
"""Characters of a description that go into a document: one passage a version."""
Row = dict[str, Json]


@dataclass(frozen=True, slots=True)
class State:
    """An entity in one release."""

    entity: str
    key: str
    """What a question may call it whatever the release: ``T1217``, "" where there is none."""
    kind: str
    fields: Mapping[str, Json]
    description: str


Releases = Mapping[str, Mapping[str, Sequence[State]]]


def releases(data: Path) -> dict[str, dict[str, list[State]]]:
    """By source and date, every entity."""
    attack: dict[str, list[State]] = {}
    for path in sorted((data / "cyber_attack").glob("entities-*")):
        rows = list(read(path))
        names = {row["stix_id"]: row["name"] for row in rows}
        attack[str(rows[0]["release_date"])] = [_attack_state(row, names) for row in rows]
    actors: dict[str, list[State]] = defaultdict(list)
    for path in sorted((data / "cyber_threat_actors").glob("actors-*")):
        for row in read(path):
            actors[str(row["snapshot"])].append(_actor_state(row))
    return {"attack": dict(sorted(attack.items())), "actors": dict(sorted(actors.items()))}


def release_names(data: Path) -> dict[str, str]:
    """``v12`` and ``v12.0`` to the day of that release."""
    found: dict[str, str] = {}
    for path in sorted((data / "cyber_attack").glob("changes-*")):
        first = next(read(path))
        for side in ("from", "to"):
            name, day = str(first[f"{side}_version"]), str(first[f"{side}_date"])
            found |= {name: day, name.removesuffix(".0"): day}
    return found


def passages(all_releases: Releases) -> list[Passage]:
    """One passage for each stretch of time in which an entity stayed as it was."""
    found: list[Passage] = []
    for source, dated in all_releases.items():
        days = list(dated)
        open_since: dict[str, tuple[str, State]] = {}
        for day in days:
            now = {state.entity: state for state in dated[day]}
            for entity, (start, state) in list(open_since.items()):
                if now.get(entity) != state:
                    found.append(_passage(state, start, day, source))
                    del open_since[entity]
            for entity, state in now.items():
                open_since.setdefault(entity, (day, state))
        found += [_passage(state, start, None, source) for start, state in open_since.values()]
    return found


def aliases(all_releases: Releases) -> list[Alias]:
    """Every name that any release gives an entity."""
    found: dict[Alias, None] = {}
    for dated in all_releases.values():
        for state in (state for states in dated.values() for state in states):
            names = [state.key, state.fields["name"], *texts(state.fields["also_called"])]
            for name in names:
                if name:
                    found[Alias(str(name), state.entity, state.kind)] = None
    return list(found)


def read(path: Path) -> Iterator[Row]:
    """The rows of a JSON Lines file, plain or gzipped."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as stream:
        yield from map(json.loads, stream)


def alias_pairs(data: Path) -> list[tuple[str, str]]:
    """The file's aliases with their canonical names."""
    path = data / "cyber_threat_actors" / "alias_pairs-2024-07.csv"
    with path.open(encoding="utf-8", newline="") as stream:
        return [(row["alias"], row["canonical"]) for row in csv.DictReader(stream)]


def _attack_state(row: Row, names: Mapping[Json, Json]) -> State:
    others = [name for name in texts(row["aliases"]) if name != row["name"]]
    fields: dict[str, Json] = {
        "name": row["name"],
        "also_called": others,
        "platforms": row["platforms"],
        "tactics": row["tactics"],
        "replaced_by": names.get(row["revoked_by"]) if row["revoked"] else None,
    }
    return State(
        str(row["stix_id"]),
        str(row["attack_id"] or ""),
        str(row["type"]),
        fields,
        str(row["description"] or ""),
    )


def _actor_state(row: Row) -> State:
    fields: dict[str, Json] = {
        "name": row["name"],
        "also_called": row["synonyms"],
        "country": row["country"],
    }
    return State(str(row["uuid"]), "", "actor", fields, str(row["description"] or ""))


def _passage(state: State, start: str, end: str | None, source: str) -> Passage:
    told = state.fields
    name = str(told["name"])
    lines = [f"{name}{f' ({state.key})' if state.key else ''} is a {state.kind}."]
    lines += [
        f"{label}: {', '.join(texts(value)) if isinstance(value, list) else value}."
        for label, value in (
            ("Also called", told["also_called"]),
            ("Platforms", told.get("platforms")),
            ("Tactics", told.get("tactics")),
            ("Replaced by", told.get("replaced_by")),
            ("Country", told.get("country")),
        )
        if value
    ]
    text = "\n".join([*lines, state.description[:DESCRIPTION]]).strip()
    id = f"{state.entity}@{start}"
    metadata = {"entity": state.entity, "key": state.key, **told}
    return Passage(
        Chunk(id, text, 0, len(text), Span(id, 0, len(text)), name),
        tier=source,
        entity=state.entity,
        valid_from=start,
        valid_to=end,
        metadata=metadata,
    )


def texts(value: Json) -> list[str]:
    """The items of a list as texts; [] for anything else."""
    return [str(one) for one in value] if isinstance(value, list) else []
