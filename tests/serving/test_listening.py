"""`metier serve` says that it serves when it does, and that it cannot before it loads a model."""

import re
import socket
import subprocess
import sys

import httpx
import pytest

from tests import joined


def serve(folder, *words):
    command = [sys.executable, str(joined.FAKES), "serve", "fake", "--engine", "transformers"]
    return subprocess.Popen(
        [*command, *words],
        cwd=folder,
        env=joined.environment(),
        stderr=subprocess.PIPE,
        text=True,
    )


def test_who_is_told_where_it_serves_can_ask_at_once(tmp_path):
    server = serve(tmp_path, "--port", "0")
    try:
        told = re.search(r"serving on (http://127\.0\.0\.1:\d+)/v1", server.stderr.readline())
        assert told
        assert httpx.get(f"{told[1]}/healthz").status_code == 200
    finally:
        server.terminate()
        server.communicate(timeout=60)


def test_a_port_that_is_taken_is_told_without_a_traceback(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        server = serve(tmp_path, "--port", port)
        _, said = server.communicate(timeout=60)
    assert server.returncode == 2
    assert f"127.0.0.1:{port} cannot be served on" in said
    assert "choose another --port" in said
    assert "Traceback" not in said and "serving on" not in said


@pytest.mark.parametrize(
    "words", [("--key", "none.pem"), ("--certificate", "none.pem"), ("--certificate", "text.pem")]
)
def test_a_certificate_that_encrypts_nothing_is_told_without_a_traceback(tmp_path, words):
    (tmp_path / "text.pem").write_text("no certificate")
    server = serve(tmp_path, "--port", "0", *words)
    _, said = server.communicate(timeout=60)
    assert server.returncode == 2
    assert " ".join(words) in said and "Traceback" not in said and "serving on" not in said


@pytest.mark.models
def test_a_command_that_fails_beside_a_running_engine_ends(tmp_path):
    words = ["serve", "smollm2-135m-instruct", "nowhere", "--port", "0"]
    code = f"from metier.cli.main import app; app({words})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=180
    )
    assert done.returncode == 2 and "no model named 'nowhere'" in done.stderr
