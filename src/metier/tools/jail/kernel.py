"""The system calls that walls are made of; each failure names what is missing."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

NEW_NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "host name": 0x04000000,
    "IPC": 0x08000000,
    "process": 0x20000000,
    "network": 0x40000000,
}
NEW_USER = 0x10000000

_REC, _PRIVATE, _BIND, _DETACH = 0x4000, 0x40000, 0x1000, 2
NO_SUID, NO_DEVICES, NO_EXEC = 2, 4, 8
_SET_RDONLY, _SET_NOSUID, _SET_NODEV = 1, 2, 4
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_MOUNT_SETATTR, _PIVOT_ROOT, _CLOSE_RANGE = 442, 155, 436
_PDEATHSIG, _DUMPABLE, _BOUND_DROP, _NO_NEW_PRIVILEGES, _AMBIENT = 1, 4, 24, 38, 47
_LAST_CAPABILITY = 63

_libc = ctypes.CDLL(None, use_errno=True)


class WallError(Exception):
    """A wall cannot be built here."""


def check(what: str, result: int) -> int:
    """The result of a C call; ``WallError`` with the reason where it is -1."""
    if result == -1:
        number = ctypes.get_errno()
        raise WallError(f"{what}: {os.strerror(number)}")
    return result


def leave_namespaces(*, with_user: bool) -> None:
    """Go into new namespaces; the next child is process 1 of its own."""
    flags = sum(NEW_NAMESPACES.values()) | (NEW_USER if with_user else 0)
    if _libc.unshare(flags) == -1:
        number = ctypes.get_errno()
        names = ", ".join([*NEW_NAMESPACES, *(["user"] if with_user else [])])
        raise WallError(
            f"new namespaces ({names}): {os.strerror(number)}; the kernel must let this user make "
            "user namespaces (user.max_user_namespaces above 0, and on Ubuntu "
            "kernel.apparmor_restrict_unprivileged_userns = 0; in Docker a seccomp profile that "
            "allows unshare)"
        )


def map_user(user: int, group: int, *, inside: int) -> None:
    """Be ``inside`` in the new user namespace, and nobody else."""
    me = Path("/proc/self")
    try:
        (me / "setgroups").write_text("deny")
        (me / "uid_map").write_text(f"{inside} {user} 1")
        (me / "gid_map").write_text(f"{inside} {group} 1")
    except OSError as error:
        raise WallError(f"mapping the user into the new namespace: {error}") from error


def keep_mounts_private() -> None:
    """Let no mount made here be seen outside."""
    check("private mounts", _libc.mount(b"none", b"/", None, _REC | _PRIVATE, None))


def mount_memory(place: Path, *, size: int, files: int, flags: int) -> None:
    """An empty folder in memory that takes at most so many bytes and files."""
    options = f"size={size},nr_inodes={files},mode=0755".encode()
    done = _libc.mount(b"tmpfs", bytes(place), b"tmpfs", flags, options)
    check(f"a tmpfs on {place}", done)


def bind(source: Path, place: Path) -> None:
    """Show ``source`` at ``place`` as well."""
    done = _libc.mount(bytes(source), bytes(place), None, _BIND | _REC, None)
    check(f"binding {source}", done)


def make_read_only(place: Path, *, recursive: bool, devices: bool = False) -> None:
    """Let nothing under ``place`` be written, nor give privileges."""
    attributes = (ctypes.c_uint64 * 4)(_SET_RDONLY | _SET_NOSUID | (0 if devices else _SET_NODEV))
    done = _libc.syscall(
        _MOUNT_SETATTR,
        _AT_FDCWD,
        bytes(place),
        _AT_RECURSIVE if recursive else 0,
        ctypes.byref(attributes),
        ctypes.c_size_t(32),
    )
    check(f"making {place} read-only (Linux 5.12 or later)", done)


def pivot(root: Path) -> None:
    """Make ``root`` the root, and the old one unreachable."""
    os.chdir(root)
    check("pivot_root", _libc.syscall(_PIVOT_ROOT, b".", b"."))
    check("leaving the old root", _libc.umount2(b".", _DETACH))
    os.chdir("/")


def drop_privileges() -> None:
    """Have no capability, and no way to any."""
    for capability in range(_LAST_CAPABILITY + 1):
        if _libc.prctl(_BOUND_DROP, capability, 0, 0, 0) == -1:
            break  # the kernel's last one came before
    check("clearing ambient capabilities", _libc.prctl(_AMBIENT, 4, 0, 0, 0))
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    none = (ctypes.c_uint32 * 6)()
    check("dropping capabilities", _libc.capset(ctypes.byref(header), ctypes.byref(none)))
    forbid_new_privileges()


def forbid_new_privileges() -> None:
    """Let no program that is started give privileges; a filter needs this."""
    check("no_new_privs", _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0))


def die_with_parent() -> None:
    """Be killed when the parent ends, and be traced or read by nobody."""
    check("parent's death signal", _libc.prctl(_PDEATHSIG, 9, 0, 0, 0))
    check("not dumpable", _libc.prctl(_DUMPABLE, 0, 0, 0, 0))


def close_from(first: int) -> None:
    """Close every file descriptor from this one on."""
    check("close_range", _libc.syscall(_CLOSE_RANGE, first, ctypes.c_uint(0xFFFFFFFF), 0))
