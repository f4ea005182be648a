"""What tests share: their settings, a project folder, and one that was run to its end."""

import pytest
from hypothesis import HealthCheck, settings

from metier.models import registry
from metier.models.engines.fake import FakeModels
from tests import joined

# A slow or busy machine is no failure: no test asserts a time.
settings.register_profile(
    "suite", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")


@pytest.fixture
def fakes(monkeypatch):
    """In this process every model is a fake."""
    monkeypatch.setattr(registry, "LocalModels", lambda **settings: FakeModels())


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with data and recipe, which is the working directory."""
    monkeypatch.chdir(joined.write_project(tmp_path / "project"))
    return tmp_path / "project"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A folder after `metier run --json`, and what that wrote; nothing may write to it."""
    folder = joined.write_project(tmp_path_factory.mktemp("finished"))
    done = joined.metier("run", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder, done
