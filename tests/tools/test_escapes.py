"""No way out of the sandbox works, and each would work without it."""

import json
import os
import shutil
import subprocess
import sys
import time

import pytest

from metier.tools import sandbox as sandboxes
from metier.tools.sandbox import Sandbox
from metier.types import SandboxLimits
from tests.tools.escapes import CALLER, ROOT_ONLY, SYSTEM_CALLS, escapes
from tests.tools.world import SOURCE, filled, outside, world

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")
ESCAPES = escapes()
CALLS = f"CALLS = {SYSTEM_CALLS!r}\n{CALLER}"


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox(SandboxLimits(seconds=60), packages=())  # a busy machine starts slowly


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    os.environ["SECRET_KEY"] = "metier-secret"
    with world(tmp_path_factory.mktemp("world")) as values:
        yield values
    del os.environ["SECRET_KEY"]


@pytest.mark.parametrize("name", ESCAPES)
def test_no_escape_works_and_each_would_outside(name, sandbox, values, tmp_path):
    escape = ESCAPES[name]
    if escape.outside == "everybody" or (escape.outside == "root" and os.geteuid() == 0):
        free = outside(escape.code, values, tmp_path)
        assert "ESCAPED" in free, f"it does not work without walls either: {free}"
    ran = sandbox.run(filled(escape.code, values))
    assert "ESCAPED" not in ran.stdout
    assert ran.ending in ("failed", "killed", "finished"), ran
    assert "metier-secret" not in str(ran)


@pytest.fixture(scope="module")
def reached(sandbox):
    return sandbox.run(CALLS).stdout.split()


@pytest.fixture(scope="module")
def reached_outside(values, tmp_path_factory):
    return outside(CALLS, values, tmp_path_factory.mktemp("calls")).split()


@pytest.mark.parametrize("name", SYSTEM_CALLS)
def test_a_system_call_is_stopped_before_the_kernel_reads_it(name, reached, reached_outside):
    if name not in ROOT_ONLY or os.geteuid() == 0:
        assert name in reached_outside
    assert name not in reached


UNFILTERED = (
    "tcp",
    "udp",
    "unix socket",
    "abstract socket",
    "http",
    "a file beside",
    "the shadow file",
    "writing beside",
    "changing the interpreter",
    "remaking a read-only folder",
    "signalling another",
    "another's limits",
    "a handle on a process",
    "making a device",
    "being root",
    "higher priority",
)


@pytest.mark.parametrize("name", UNFILTERED)
def test_namespaces_hold_without_the_list_of_system_calls(name, sandbox, values, monkeypatch):
    monkeypatch.setattr(sandboxes, "_START", WITHOUT_FILTER + sandboxes._START)
    assert "ESCAPED" not in sandbox.run(filled(ESCAPES[name].code, values)).stdout
    assert sandbox.run("import socket; socket.socket(); print('open')").stdout == "open\n"


WITHOUT_FILTER = (
    "import sys; sys.path.insert(0, sys.argv[1]); import metier.tools.jail.inside as inside;"
    "inside.install = lambda process: None;"
)


def test_nothing_outlives_the_run_even_where_it_may_fork(sandbox, monkeypatch):
    monkeypatch.setattr(sandboxes, "_START", WITHOUT_FILTER + sandboxes._START)
    code = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1); os.close(2)
        while True: time.sleep(0.01)
    os._exit(0)
print(os.listdir('/'))
"""
    before = _users_of_sandboxes()
    assert sandbox.run(code).ending == "finished"
    assert _all_end(_users_of_sandboxes() - before)


def test_a_fork_bomb_has_few_processes_where_it_may_fork(sandbox, monkeypatch):
    monkeypatch.setattr(sandboxes, "_START", WITHOUT_FILTER + sandboxes._START)
    code = """
import os, time
made = 0
try:
    while made < 1000:
        if os.fork() == 0: time.sleep(100)
        made += 1
finally:
    print(made, flush=True)
    os._exit(0)
"""
    before = _users_of_sandboxes()
    ran = Sandbox(SandboxLimits(seconds=3)).run(code)
    assert int(ran.stdout) < 32
    assert _all_end(_users_of_sandboxes() - before)


def _all_end(started):
    """Whether these end by themselves; other tests may have sandboxes of their own meanwhile."""
    for _ in range(200):
        if not started & _users_of_sandboxes():
            return True
        time.sleep(0.1)
    return False


def _users_of_sandboxes():
    """Processes whose user is one of the sandbox's own, or whose root is not ours."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/cmdline") as command:
                if "metier.tools.jail.start" in command.read():
                    found.add(name)
        except OSError:
            continue
    return found


def test_an_ordinary_user_is_walled_in_just_as_well(values, tmp_path_factory):
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if os.geteuid() or python is None or not _reads_metier(python):
        pytest.skip("the tests run as an ordinary user already, or there is no Python for one")
    script = """
import json, sys
from metier.tools.sandbox import Sandbox
from metier.types import SandboxLimits
sandbox = Sandbox(SandboxLimits(seconds=10), packages=())
assert sandbox.run("6 * 7").stdout == "42\\n"
for name, code in json.load(sys.stdin).items():
    told = sandbox.run(code)
    if "ESCAPED" in told.stdout or name == "calls" and told.stdout:
        print(name, told)
print("tried")
"""
    codes = {name: filled(one.code, values) for name, one in ESCAPES.items()}
    done = _as_nobody(python, script, json.dumps({**codes, "calls": CALLS}))
    assert done.stdout == "tried\n", done.stderr


def _reads_metier(python):
    return _as_nobody(python, "import metier.tools.sandbox", "").returncode == 0


def _as_nobody(python, script, given):
    return subprocess.run(
        [python, "-c", script],
        input=given,
        env={"PYTHONPATH": str(SOURCE)},
        cwd="/",
        user=65534,
        group=65534,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
