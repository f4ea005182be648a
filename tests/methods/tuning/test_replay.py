import pytest

from metier.methods.tuning.replay import BLOCK, replayed
from metier.models.engines.fake import FakeModel
from metier.protocols import silent
from tests.methods.tiny_model import make_tiny_model


class Models:
    """Counts what is asked of one fake model; the call ``fails_at`` dies."""

    def __init__(self, fails_at=None):
        self.calls, self._fails_at = 0, fails_at

    def language_model(self, name, *, adapter=None):
        return self

    def generate(self, batch, config):
        self.calls += 1
        if self.calls == self._fails_at:
            raise RuntimeError("killed")
        return FakeModel().generate(batch, config)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("replayed"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("METIER_CACHE", str(tmp_path))


def ask(base, count, models):
    return replayed(str(base), count, models=models, progress=silent)


def test_answers_are_written_once_and_fewer_are_the_first_of_more(base):
    models = Models()
    many = ask(base, BLOCK + 3, models)
    assert (len(many), models.calls) == (BLOCK + 3, 2)
    assert len({row.prompt for row in many}) == len(many)
    assert ask(base, 5, models) == many[:5]
    assert models.calls == 2
    assert ask(base, 0, models) == []


def test_a_kill_loses_no_block_that_was_written(base):
    with pytest.raises(RuntimeError, match="killed"):
        ask(base, 2 * BLOCK, Models(fails_at=2))
    later = Models()
    assert len(ask(base, 2 * BLOCK, later)) == 2 * BLOCK
    assert later.calls == 1
