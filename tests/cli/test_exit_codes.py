"""What a script learns from how a command ended."""

import pytest
from typer.testing import CliRunner

from metier.cli import main
from tests.cli.console import refused


def test_an_error_of_metiers_own_is_no_verdict(monkeypatch, tmp_path):
    def broken(*arguments, **settings):
        raise ZeroDivisionError("a fault of ours")

    monkeypatch.setattr("metier.cli.stages.opened_pipeline", broken)
    done = CliRunner().invoke(main.app, ["decide", str(tmp_path)])
    assert done.exit_code == 70
    assert "a fault of ours" in done.stderr


@pytest.mark.parametrize("words", [("decide", "--nonsense"), ("decide", "/no/such/folder")])
def test_what_the_user_can_mend_ends_with_2(words):
    assert refused(*words)
