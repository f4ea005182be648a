"""The project folder: stages addressed by their inputs, and a ledger of runs, steps and items.

.metier/
  ledger.sqlite        runs, steps, item results
  steps/KIND-KEY/      a finished step's files; KEY is the hash of everything it was made from
  steps/KIND-KEY.part/ a step under way; what stands in it helps the step to resume
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sql
from filelock import FileLock, Timeout

from metier.errors import StorageError
from metier.types import Json, content_hash

if TYPE_CHECKING:
    import pyarrow as pa

_tables = sql.MetaData()
_meta = sql.Table("meta", _tables, sql.Column("version", sql.Integer))
_runs = sql.Table(
    "runs",
    _tables,
    sql.Column("id", sql.Integer, primary_key=True),
    sql.Column("name", sql.String),
    sql.Column("inputs", sql.JSON),
    sql.Column("started", sql.String),
    sql.Column("seconds", sql.Float),
    sql.Column("status", sql.String),
)
_steps = sql.Table(
    "steps",
    _tables,
    sql.Column("key", sql.String, primary_key=True),
    sql.Column("run", sql.Integer),
    sql.Column("kind", sql.String),
    sql.Column("inputs", sql.JSON),
    sql.Column("started", sql.String),
    sql.Column("seconds", sql.Float),
    sql.Column("status", sql.String),
)
_items = sql.Table(
    "items",
    _tables,
    sql.Column("step", sql.String, primary_key=True),
    sql.Column("item", sql.String, primary_key=True),
    sql.Column("value", sql.JSON),
)

MIGRATIONS: tuple[Callable[[sql.Connection], None], ...] = (_tables.create_all,)
"""Numbered from 1 by position; append, never edit after a release."""


_FULL = (errno.ENOSPC, errno.EDQUOT)
_GO_ON = "free some space, then run the same command again: it goes on where it stopped"


class Project:
    """One project folder, opened by one process at a time."""

    def __init__(self, path: Path | str) -> None:
        self.path = path = Path(path)
        with _storage_errors(path):
            _make_folder(path / "steps")
            self._engine = sql.create_engine(f"sqlite:///{path / 'ledger.sqlite'}")
            with self._engine.begin() as ledger:
                _migrate(ledger)
        self._lock = FileLock(path / "lock", timeout=0)
        self._run: int | None = None

    @contextmanager
    def run(self, name: str, inputs: Json) -> Iterator[int]:
        """Record a run; its status is ``done``, ``failed`` or ``stopped`` (also after a kill)."""
        with self._exclusively(), _storage_errors(self.path):
            run = self._begin_run(name, inputs)
            started = time.monotonic()
            status = "failed"
            try:
                yield run
                status = "done"
            except KeyboardInterrupt:
                status = "stopped"
                raise
            finally:
                self._run = None
                seconds = time.monotonic() - started
                # Where the disk is full this fails too, and must not hide why the run ended;
                # a run that is left as running counts as stopped.
                with nullcontext() if status == "done" else suppress(sql.exc.DatabaseError):
                    self._update(_runs, _runs.c.id == run, status=status, seconds=seconds)

    def step(self, kind: str, inputs: Json, build: Callable[[Path], None]) -> Path:
        """The directory of a step made from these inputs; built only if it does not stand yet.

        ``build`` is given a directory that keeps what an interrupted earlier attempt left there.
        """
        key = step_key(kind, inputs)
        final = self.path / "steps" / key
        if final.exists():
            return final
        part = final.with_name(key + ".part")
        with _storage_errors(part):
            part.mkdir(exist_ok=True)
            self._begin_step(key, kind, inputs)
            started = time.monotonic()
            build(part)
            seconds = time.monotonic() - started
            inputs_text = json.dumps(inputs, indent=1, ensure_ascii=False, default=str)
            (part / "inputs.json").write_text(inputs_text, encoding="utf-8")
            part.rename(final)
            self._update(_steps, _steps.c.key == key, status="done", seconds=seconds)
        return final

    def forget(self, key: str) -> None:
        """Take a finished step away, so that it is built again when next asked for."""
        with _storage_errors(self.path):
            shutil.rmtree(self.path / "steps" / key, ignore_errors=True)

    def items(self, step: str) -> dict[str, Json]:
        """The finished items of a step, by item id."""
        with self._engine.connect() as ledger:
            rows = ledger.execute(
                sql.select(_items.c.item, _items.c.value).where(_items.c.step == step)
            )
            return {row.item: row.value for row in rows}

    def add_items(self, step: str, values: Mapping[str, Json]) -> None:
        """Keep finished items; they survive a kill from the moment this returns."""
        rows = [{"step": step, "item": item, "value": value} for item, value in values.items()]
        with _storage_errors(self.path), self._engine.begin() as ledger:
            ledger.execute(sql.insert(_items).prefix_with("OR REPLACE"), rows)

    def runs(self) -> list[dict[str, Json]]:
        """All runs, the newest first."""
        return self._rows(sql.select(_runs).order_by(_runs.c.id.desc()))

    def steps(self, run: int | None = None) -> list[dict[str, Json]]:
        """The steps that a run was the first to build, in the order in which they began."""
        query = sql.select(_steps).order_by(_steps.c.started)
        return self._rows(query if run is None else query.where(_steps.c.run == run))

    @contextmanager
    def _exclusively(self) -> Iterator[None]:
        try:
            self._lock.acquire()
        except Timeout:
            raise StorageError(
                f"{self.path} is in use by another metier run; wait for it to end, or stop it"
            ) from None
        try:
            yield
        finally:
            self._lock.release()

    def _begin_run(self, name: str, inputs: Json) -> int:
        with self._engine.begin() as ledger:
            # Whoever holds the lock is alone: a run still marked as running was killed.
            ledger.execute(
                _runs.update().where(_runs.c.status == "running").values(status="stopped")
            )
            row = {"name": name, "inputs": inputs, "started": _now(), "status": "running"}
            result = ledger.execute(_runs.insert().values(**row))
        key = result.inserted_primary_key
        assert key is not None
        self._run = int(key[0])
        return self._run

    def _begin_step(self, key: str, kind: str, inputs: Json) -> None:
        row = {
            "key": key,
            "run": self._run,
            "kind": kind,
            "inputs": inputs,
            "started": _now(),
            "status": "running",
        }
        with self._engine.begin() as ledger:
            ledger.execute(_steps.insert().prefix_with("OR REPLACE").values(**row))

    def _update(self, table: sql.Table, where: sql.ColumnElement[bool], **values: Json) -> None:
        with self._engine.begin() as ledger:
            ledger.execute(table.update().where(where).values(**values))

    def _rows(self, query: sql.Select[tuple[Json, ...]]) -> list[dict[str, Json]]:
        with self._engine.connect() as ledger:
            return [dict(row) for row in ledger.execute(query).mappings()]


def step_key(kind: str, inputs: Json) -> str:
    """The address of a step: its kind and the hash of all that it is made from."""
    return f"{kind}-{content_hash(inputs)}"


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old or the new whole, never a part."""
    with _storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(path.name + ".part")
        aside.write_text(text, encoding="utf-8")
        os.replace(aside, path)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file, whole or not at all."""
    import pyarrow.parquet as parquet

    with _storage_errors(path):
        aside = path.with_name(path.name + ".part")
        parquet.write_table(table, aside)
        os.replace(aside, path)


def replace_directory(source: Path, target: Path, *, names: Sequence[str] | None = None) -> None:
    """Copy ``source`` (or the files in it that are named) to ``target``, replacing it at once."""
    with _storage_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(target.name + ".part")
        shutil.rmtree(aside, ignore_errors=True)
        if names is None:
            shutil.copytree(source, aside)
        for name in names or ():
            (aside / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, aside / name)
        if target.exists():
            old = target.with_name(target.name + ".old")
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            aside.rename(target)
            shutil.rmtree(old)
        else:
            aside.rename(target)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise StorageError(
            f"{path} cannot be a folder: there is a file in its place; move that file, or choose "
            "another folder with --project"
        ) from error


def _migrate(ledger: sql.Connection) -> None:
    if _version(ledger) == len(MIGRATIONS):
        return
    # Of two processes that open a new folder at once one waits, and finds the tables made.
    ledger.exec_driver_sql("BEGIN IMMEDIATE")
    version = _version(ledger)
    if version > len(MIGRATIONS):
        raise StorageError(
            f"this project folder was written by a newer metier (format {version}, "
            f"known {len(MIGRATIONS)}); upgrade metier"
        )
    _meta.create(ledger, checkfirst=True)
    for migration in MIGRATIONS[version:]:
        migration(ledger)
    ledger.execute(_meta.delete())
    ledger.execute(_meta.insert().values(version=len(MIGRATIONS)))


def _version(ledger: sql.Connection) -> int:
    """How many migrations the ledger has had."""
    if not sql.inspect(ledger).has_table(_meta.name):
        return 0
    return int(ledger.execute(sql.select(_meta.c.version)).scalar() or 0)


@contextmanager
def _storage_errors(path: Path) -> Iterator[None]:
    """Say what a failing disk means for the person at the keyboard."""
    try:
        yield
    except PermissionError as error:
        raise StorageError(
            f"no permission to write {error.filename or path}; "
            "change its permissions or choose another folder with --project"
        ) from error
    except sql.exc.DatabaseError as error:
        if getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageError(
                f"cannot write the ledger in {path}: {error.orig}; {_GO_ON}"
            ) from error
        raise StorageError(
            f"the ledger in {path} cannot be used: {error.orig}; look at free space and "
            "permissions; a damaged ledger.sqlite can be deleted (finished steps stay)"
        ) from error
    except OSError as error:
        if error.errno not in (*_FULL, errno.EROFS):
            raise
        raise StorageError(
            f"cannot write {error.filename or path}: {error.strerror}; {_GO_ON}"
        ) from error


@contextmanager
def writing_temporary_files() -> Iterator[None]:
    """Say that it is their folder that is full, which seldom is where the project lies."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise StorageError(
            f"the folder of temporary files, {tempfile.gettempdir()}, is full; free some space "
            "there, or name another folder in TMPDIR, then run the same command again"
        ) from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds")
