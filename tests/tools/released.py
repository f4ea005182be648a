"""A released specialist that looks things up, with fake models."""

from metier.methods.retrieve import Retrieve
from metier.models.engines.fake import FakeModels
from metier.serial import dump
from metier.types import Release
from tests.methods.test_retrieve import context


def write_release(folder):
    made = Retrieve()
    made.fit("retrieve", context(made, folder, FakeModels()))
    release = Release("retrieve", "openvino", "2026-01-01T00:00:00+00:00", {})
    (folder / "release.json").write_text(dump(release), encoding="utf-8")
    return folder
