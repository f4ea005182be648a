"""Two models have two fingerprints, wherever in their files they differ."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from metier.models import fingerprints
from metier.models.fingerprints import file_fingerprint, fingerprint

MIDDLE = 6 << 20


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def base(tmp_path):
    path = tmp_path / "base"
    path.mkdir()
    (path / "config.json").write_text(json.dumps({}))
    save_file({"weight": np.zeros(2 * MIDDLE, np.uint8)}, path / "model.safetensors")
    return path


def written(file, place, byte):
    with file.open("r+b") as stream:
        stream.seek(place)
        stream.write(byte)


@pytest.mark.parametrize("place", [100, MIDDLE, -1])
def test_it_follows_the_content_everywhere(base, place):
    before = fingerprint(base)
    assert fingerprint(base) == before
    file = base / "model.safetensors"
    written(file, place % file.stat().st_size, b"\x01")
    assert fingerprint(base) != before


def test_a_file_is_read_once_while_it_stays_as_it_is(base, monkeypatch):
    monkeypatch.setattr(fingerprints, "SETTLED", -1e9)  # nothing here is older than the test
    before = fingerprint(base)
    with monkeypatch.context() as nothing_is_read:
        nothing_is_read.setattr(fingerprints.hashlib, "file_digest", None)
        assert fingerprint(base) == before
    written(base / "model.safetensors", MIDDLE, b"\x01")
    assert fingerprint(base) != before


def test_what_was_kept_is_made_again_where_it_is_damaged(base, cache, monkeypatch):
    monkeypatch.setattr(fingerprints, "SETTLED", -1e9)
    before = fingerprint(base)
    kept = list((cache / "digests").iterdir())
    assert len(kept) == 2
    for one in kept:
        one.write_bytes(one.read_bytes()[:-3])
    assert fingerprint(base) == before


def test_a_file_changed_a_moment_ago_is_not_trusted_by_its_times(base, cache):
    fingerprint(base)
    assert not (cache / "digests").exists()


def test_a_cache_that_cannot_be_written_changes_nothing(base, monkeypatch):
    monkeypatch.setattr(fingerprints, "SETTLED", -1e9)
    before = fingerprint(base)
    monkeypatch.setenv("METIER_CACHE", str(base / "config.json"))
    assert fingerprint(base) == before


def test_files_are_told_apart_from_one_that_holds_both(tmp_path):
    for name, text in (("a", "ab"), ("b", "c"), ("c", "a"), ("d", "bc")):
        (tmp_path / name).write_text(text)
    assert file_fingerprint(tmp_path / "a", tmp_path / "b") != file_fingerprint(
        tmp_path / "c", tmp_path / "d"
    )
