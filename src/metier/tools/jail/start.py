"""The order of the walls: namespaces, a small tree, no privileges, limits, a list of calls.

Three processes: this one outlives nothing and only waits; its child is process 1 of the new
namespace, listens and gathers; whose child runs the code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import asdict

from metier.tools.jail import gather, inside, kernel, tree
from metier.tools.jail.order import Ending, Order, Outcome

NOBODY = 65534
_FIRST_USER = 1_000_000
_GRACE = 0.2


def main() -> None:
    """Read an order from standard input, write the outcome, or an error, to standard output."""
    os.umask(0o022)
    order = Order(**json.load(sys.stdin))
    try:
        told = _outcome(order)
    except (kernel.WallError, OSError) as error:
        told = json.dumps({"error": str(error)})
    sys.stdout.write(told)
    sys.stdout.flush()
    os._exit(0)


def _outcome(order: Order) -> str:
    """The outcome as JSON, from the child that is walled in."""
    # Root needs no user namespace, and gives its number up later: limits do not bind user 0.
    # Its own numbers are far from those of people, and differ between runs at the same time.
    privileged = os.geteuid() == 0 and _may_mount()
    other = _FIRST_USER + os.getpid()
    if os.geteuid() == 0 and not privileged:
        _become(other)
    user, group = os.geteuid(), os.getegid()
    kernel.leave_namespaces(with_user=not privileged)
    if not privileged:
        kernel.map_user(user, group, inside=NOBODY)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _tell(order, writing, other if privileged else None)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        text = told.read()
    os.waitpid(child, 0)
    return text or json.dumps({"error": "the walled-in process was killed"})


def _tell(order: Order, writing: int, user: int | None) -> None:
    """As process 1: build the walls, run the code, tell what became of it."""
    try:
        tree.build(order)
        if user is not None:
            _become(user)
        kernel.drop_privileges()
        kernel.die_with_parent()
        tree.fill(tree.WORK, order.files)
        told = json.dumps(asdict(_supervise(order)))
    except (kernel.WallError, OSError) as error:
        told = json.dumps({"error": str(error)})
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(told)
    os._exit(0)


def _supervise(order: Order) -> Outcome:
    """Run the code in a child and gather what it says and leaves."""
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    walls_read, walls_write = os.pipe()
    child = os.fork()
    if child == 0:
        _be_the_code(order, (out_write, err_write, walls_write))
    for handle in (out_write, err_write, walls_write):
        os.close(handle)
    with os.fdopen(walls_read, encoding="utf-8") as walls:
        if fault := walls.read():  # its end is closed behind the last wall
            raise kernel.WallError(fault)
    deadline = time.monotonic() + order.seconds
    said = gather.listen(out_read, err_read, most=order.output, deadline=deadline)
    status = _reap(child, deadline + _GRACE, kill=said.too_much or said.too_late)
    left = gather.collect(tree.WORK, most=order.keep, known=order.files)
    stdout, stderr = (
        bytes(said.streams[pipe][: order.output]).decode("utf-8", "replace")
        for pipe in (out_read, err_read)
    )
    return Outcome(
        _ending(status, said),
        stdout,
        stderr,
        left.files,
        tuple(left.left_out),
    )


def _be_the_code(order: Order, pipes: tuple[int, int, int]) -> None:
    code = inside.FAILED
    out, err, walls = pipes
    try:
        null = os.open("/dev/null", os.O_RDONLY)
        for place, handle in enumerate((null, out, err)):
            os.dup2(handle, place)
        os.environ.clear()
        os.environ.update(inside.environment())
        try:
            inside.confine(order)
        except (kernel.WallError, OSError, ValueError) as error:
            os.write(walls, str(error).encode())
            return
        kernel.close_from(3)
        code = inside.run(order.code)
    finally:
        os._exit(code)


def _reap(child: int, deadline: float, *, kill: bool) -> int:
    """The child's status; it is killed when it goes on after its time, or must be."""
    if not kill:
        while time.monotonic() < deadline:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
            time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    return os.waitpid(child, 0)[1]


def _ending(status: int, said: gather.Said) -> Ending:
    if said.too_much:
        return "output"
    code = os.waitstatus_to_exitcode(status)
    if said.too_late or code in (-signal.SIGKILL, -signal.SIGXCPU):
        return "time"
    if code == inside.OUT_OF_MEMORY:
        return "memory"
    if code < 0:
        return "killed"
    return "failed" if code else "finished"


def _may_mount() -> bool:
    """Whether this root has CAP_SYS_ADMIN; in a container it may not."""
    with open("/proc/self/status", encoding="ascii") as status:
        line = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> 21 & 1)


def _become(user: int) -> None:
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
