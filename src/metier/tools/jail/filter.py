"""The system calls that code in the sandbox may make; all others fail with EPERM."""

from __future__ import annotations

import ctypes
import errno
import platform
from collections.abc import Sequence

from metier.tools.jail.kernel import WallError, check

Instruction = tuple[int, int, int, int]

_LOAD, _AND, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE = 0, 4
_X86_64, _X32 = 0xC000003E, 0x40000000
_SET_SECCOMP, _FILTER = 22, 2

ALLOWED = {
    # files that are open
    "read": 0, "write": 1, "close": 3, "fstat": 5, "poll": 7, "lseek": 8, "pread64": 17,
    "pwrite64": 18, "readv": 19, "writev": 20, "pipe": 22, "select": 23, "dup": 32, "dup2": 33,
    "sendfile": 40, "flock": 73, "fsync": 74, "fdatasync": 75, "ftruncate": 77, "getdents64": 217,
    "fadvise64": 221, "pselect6": 270, "ppoll": 271, "fallocate": 285, "dup3": 292, "pipe2": 293,
    "preadv": 295, "pwritev": 296, "copy_file_range": 326, "preadv2": 327, "pwritev2": 328,
    "close_range": 436, "epoll_create": 213, "epoll_wait": 232, "epoll_ctl": 233,
    "epoll_pwait": 281, "eventfd2": 290, "epoll_create1": 291,
    # files by name; which there are is the mount namespace's business
    "open": 2, "stat": 4, "lstat": 6, "access": 21, "truncate": 76, "getcwd": 79, "chdir": 80,
    "fchdir": 81, "rename": 82, "mkdir": 83, "rmdir": 84, "creat": 85, "link": 86, "unlink": 87,
    "symlink": 88, "readlink": 89, "chmod": 90, "fchmod": 91, "umask": 95, "utime": 132,
    "statfs": 137, "fstatfs": 138, "utimes": 235, "openat": 257, "mkdirat": 258,
    "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265, "symlinkat": 266,
    "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "utimensat": 280, "renameat2": 316,
    "statx": 332, "faccessat2": 439,
    # memory
    "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12, "mremap": 25, "msync": 26, "madvise": 28,
    # its own signals, threads and time
    "rt_sigaction": 13, "rt_sigprocmask": 14, "rt_sigreturn": 15, "sched_yield": 24, "pause": 34,
    "nanosleep": 35, "getitimer": 36, "alarm": 37, "setitimer": 38, "exit": 60,
    "rt_sigpending": 127, "rt_sigtimedwait": 128, "rt_sigsuspend": 130, "sigaltstack": 131,
    "time": 201, "futex": 202, "set_tid_address": 218, "restart_syscall": 219,
    "clock_gettime": 228, "clock_getres": 229, "clock_nanosleep": 230, "exit_group": 231,
    "set_robust_list": 273, "get_robust_list": 274, "membarrier": 324, "rseq": 334,
    # what it is and where
    "getpid": 39, "uname": 63, "gettimeofday": 96, "getrlimit": 97, "getrusage": 98,
    "sysinfo": 99, "times": 100, "getuid": 102, "getgid": 104, "geteuid": 107, "getegid": 108,
    "getppid": 110, "getpgrp": 111, "getgroups": 115, "getresuid": 118, "getresgid": 120,
    "getpgid": 121, "getsid": 124, "getpriority": 140, "sched_getparam": 143,
    "sched_getscheduler": 145, "gettid": 186, "sched_getaffinity": 204, "getcpu": 309,
    "getrandom": 318,
}  # fmt: skip
"""Numbers of x86-64. Not here, among others: sockets, fork, exec, kill, ptrace, mount, keys, bpf,
io_uring, perf, memfd, shared memory, clocks, priorities, changing users."""

_IOCTLS = (0x5401, 0x5413, 0x541B, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONCLEX, FIOCLEX."""
_FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030)
"""Duplicates, flags and locks; not the owner of signals."""
_PRCTLS = (15, 16, 0x53564D41)
"""A thread's name, and names of memory, which malloc gives."""
_THREAD, _NAMESPACES = 0x00010000, 0x7E020000


def install(process: int) -> None:
    """Bind this thread, and all that it starts, to the list; ``process`` is its own number."""
    machine = platform.machine()
    if machine not in ("x86_64", "AMD64"):
        raise WallError(f"the list of system calls is written for x86-64; this is {machine}")
    program = _program(process)
    filled = b"".join(
        code.to_bytes(2, "little") + bytes((yes, no)) + value.to_bytes(4, "little")
        for code, yes, no, value in program
    )
    code = ctypes.create_string_buffer(filled, len(filled))
    held = _Program(len(program), ctypes.cast(code, ctypes.c_void_p))
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(held), 0, 0)
    check("a seccomp filter (CONFIG_SECCOMP_FILTER)", done)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


def _program(process: int) -> list[Instruction]:
    deny = _deny(errno.EPERM)
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _X86_64),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_AT_LEAST, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        *(step for number in ALLOWED.values() for step in _call(number, [_allow()])),
        *_call(16, [_argument(1), *_one_of(_IOCTLS)]),
        *_call(72, [_argument(1), *_one_of(_FCNTLS)]),
        *_call(157, [_argument(0), *_one_of(_PRCTLS)]),
        # A thread of its own, no process and no namespace; clone3 hides its flags behind a
        # pointer, and glibc falls back to clone where it does not exist.
        *_call(56, [_argument(0), (_AND, 0, 0, _THREAD | _NAMESPACES), *_one_of((_THREAD,))]),
        *_call(435, [_deny(errno.ENOSYS)]),
        *_call(234, [_argument(0), *_one_of((process,))]),  # tgkill, of which abort is made
        *_call(302, [_argument(0), *_if_zero(), *_nothing_at(2)]),  # prlimit64: its own, reading
        deny,
    ]


def _call(number: int, body: Sequence[Instruction]) -> list[Instruction]:
    """What to do about one system call; the body must end with a return."""
    return [(_EQUAL, 0, len(body), number), *body]


def _argument(place: int, *, high: bool = False) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * place + 4 * high)


def _one_of(values: Sequence[int]) -> list[Instruction]:
    return [
        *(step for value in values for step in ((_EQUAL, 0, 1, value), _allow())),
        _deny(errno.EPERM),
    ]


def _if_zero() -> list[Instruction]:
    return [(_EQUAL, 1, 0, 0), _deny(errno.EPERM)]


def _nothing_at(place: int) -> list[Instruction]:
    """Allow where the pointer is null."""
    return [
        _argument(place),
        *_if_zero(),
        _argument(place, high=True),
        *_if_zero(),
        _allow(),
    ]


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _deny(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)
