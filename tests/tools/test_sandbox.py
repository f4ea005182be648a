"""What the sandbox gives back, and what it takes at most."""

import sys

import pytest

from metier.errors import SandboxError
from metier.tools import sandbox as sandboxes
from metier.tools.sandbox import Sandbox
from metier.types import SandboxLimits

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandbox needs Linux")


@pytest.fixture(scope="module")
def sandbox():
    return Sandbox()


@pytest.fixture(scope="module")
def small():
    return Sandbox(SandboxLimits(seconds=1, disk=4 << 20, keep=1 << 20), packages=())


def test_what_is_printed_and_the_last_value_come_back(sandbox):
    ran = sandbox.run("print('sum')\nx = 40\nx + 2")
    assert (ran.ending, ran.stdout, ran.stderr) == ("finished", "sum\n42\n", "")


def test_an_error_comes_back_with_the_line_of_the_code(sandbox):
    ran = sandbox.run("x = 1\nx / 0")
    assert ran.ending == "failed"
    assert 'File "main.py", line 2' in ran.stderr and "ZeroDivisionError" in ran.stderr
    assert "metier" not in ran.stderr
    assert sandbox.run("x = (").stderr.count("SyntaxError") == 1
    assert sandbox.run("import sys; sys.exit('no')").stderr == "no\n"


def test_files_go_in_and_new_ones_come_out(sandbox):
    code = "open('b.txt', 'w').write(open('a.txt').read() * 2)"
    ran = sandbox.run(code, files={"a.txt": b"ab"})
    assert ran.files == {"b.txt": b"abab"}
    assert sandbox.run("open('a.txt')").ending == "failed"  # nothing stays
    assert sandbox.run("open('a.txt', 'w').write('new')", files={"a.txt": b"old"}).files == {
        "a.txt": b"new"
    }
    with pytest.raises(SandboxError, match="plain name"):
        sandbox.run("1", files={"../a": b""})


def test_a_chart_is_a_picture(sandbox):
    pytest.importorskip("matplotlib")
    ran = sandbox.run("import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()")
    assert ran.files["figure-1.png"].startswith(b"\x89PNG"), ran.stderr


def test_links_pipes_and_what_is_too_large_are_not_handed_back(small):
    code = """
import os
os.symlink('/usr/lib/os-release', 'link')
os.mkdir('folder'); open('folder/kept', 'w').write('kept')
open('large', 'wb').write(bytes(2 << 20))
"""
    ran = small.run(code)
    assert ran.files == {"folder/kept": b"kept"}
    assert sorted(ran.left_out) == ["large", "link"]


def test_a_tree_of_any_depth_is_read_as_far_as_it_can_be(small):
    deep = (
        "import os\nfor _ in range(1000): os.mkdir('d'); os.chdir('d')\nopen('f', 'w').write('x')"
    )
    assert small.run(deep).files == {"d/" * 1000 + "f": b"x"}
    shut = (
        "import os\nos.mkdir('d'); open('d/f', 'w').close(); os.chmod('d', 0); os.symlink('.', 'l')"
    )
    assert sorted(small.run(shut).left_out) == ["d", "l"]


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        ("while True: pass", "time"),
        ("import time; time.sleep(100)", "time"),
        ("import os, time; os.close(1); os.close(2); time.sleep(100)", "time"),
        (
            "import signal as s\nfor n in range(1, 65):\n  try: s.signal(n, s.SIG_IGN)\n"
            "  except (OSError, ValueError): pass\nwhile True: pass",
            "time",
        ),
        ("import re; re.match('(a+)+$', 'a' * 50 + 'b')", "time"),
        ("x = bytes(8 << 30)", "memory"),
        ("x = []\nwhile True: x.append(bytes(1 << 20))", "memory"),
        ("import mmap; mmap.mmap(-1, 8 << 30)", "failed"),
        ("while True: print('x' * 1000)", "output"),
        ("import ctypes; ctypes.string_at(0)", "killed"),
        ("import os; os.abort()", "killed"),
        ("f = lambda: f()\nf()", "failed"),
        ("open('/dev/null/x')", "failed"),
    ],
)
def test_what_takes_too_much_is_ended(code, ending, small):
    assert small.run(code).ending == ending
    assert small.run("1").stdout == "1\n"


def test_a_disk_that_is_filled_is_its_own(small):
    fill = """
import errno
wrote, files = 0, []
for place in ('/sandbox', '/tmp'):
    try:
        for name in range(100):
            files.append(open(f'{place}/{name}', 'wb', buffering=0))
            for _ in range(100): wrote += files[-1].write(bytes(1 << 16))
    except OSError as error:
        print(errno.errorcode[error.errno])
print(wrote <= 6 << 20)
"""
    assert small.run(fill).stdout.split()[-1] == "True"
    many = "import itertools\nfor n in itertools.count(): open(f'{n}', 'w').close()"
    assert "No space left" in small.run(many).stderr


def test_where_a_wall_cannot_be_built_nothing_is_run(small, monkeypatch):
    broken = (
        "import sys; sys.path.insert(0, sys.argv[1]); import metier.tools.jail.kernel as k;"
        "k.check.__code__ = (lambda what, result: (_ for _ in ()).throw(WallError(what))).__code__;"
    )
    monkeypatch.setattr(sandboxes, "_START", broken + sandboxes._START)
    with pytest.raises(SandboxError, match="cannot wall code in"):
        small.run("print('ran')")


def test_a_kernel_without_a_filter_runs_nothing(small, monkeypatch):
    broken = (
        "import sys; sys.path.insert(0, sys.argv[1]); import platform;"
        "platform.machine = lambda: 'riscv64';"
    )
    monkeypatch.setattr(sandboxes, "_START", broken + sandboxes._START)
    with pytest.raises(SandboxError, match="riscv64"):
        small.run("print('ran')")
