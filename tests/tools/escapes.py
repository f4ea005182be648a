"""Ways out of the sandbox: each prints ESCAPED when it works, and outside it does.

The words in capitals are filled in by the test: TCP_PORT, UDP_PORT, UNIX_PATH, ABSTRACT_NAME,
SECRET, FOLDER, VICTIM, HANDLE, PROJECT. ``outside`` says who can do it without walls: everybody,
root, or nobody that we would let try.
"""

from typing import Literal, NamedTuple


class Escape(NamedTuple):
    code: str
    outside: Literal["everybody", "root", "untried"] = "everybody"


DONE = "print('ESCAPED')"

NETWORK = {
    "tcp": f"import socket; socket.create_connection(('127.0.0.1', TCP_PORT), 2); {DONE}",
    "udp": "import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
    f" s.sendto(b'out', ('127.0.0.1', UDP_PORT)); {DONE}",
    "listening": "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen();" + DONE,
    "unix socket": f"import socket; socket.socket(socket.AF_UNIX).connect('UNIX_PATH'); {DONE}",
    "abstract socket": "import socket;"
    f" socket.socket(socket.AF_UNIX).connect('\\0ABSTRACT_NAME'); {DONE}",
    "netlink": f"import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0); {DONE}",
    "raw packets": Escape(
        f"import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW); {DONE}", "root"
    ),
    "resolving a name": f"import socket; socket.getaddrinfo('localhost', 80); {DONE}",
    "http": "import urllib.request as u;"
    f" u.build_opener(u.ProxyHandler({{}})).open('http://127.0.0.1:TCP_PORT/', timeout=2); {DONE}",
    "an event loop's sockets": f"import asyncio; asyncio.run(asyncio.sleep(0)); {DONE}",
}

FILES = {
    "the password file": f"open('/etc/passwd').read(); {DONE}",
    "the shadow file": Escape(f"open('/etc/shadow').read(); {DONE}", "root"),
    "a file beside": f"open('SECRET').read(); {DONE}",
    "the home folder": f"import os, pwd; os.listdir(pwd.getpwuid(os.getuid()).pw_dir); {DONE}",
    "the project's ledger": "import sqlite3; c = sqlite3.connect('file:FOLDER/ledger?mode=ro',"
    f" uri=True); c.execute('SELECT * FROM runs').fetchall(); {DONE}",
    "metier's source": f"import os; os.listdir('PROJECT'); {DONE}",
    "writing beside": f"open('FOLDER/written', 'w').write('x'); {DONE}",
    "climbing up": f"open('../' * 30 + 'SECRET').read(); {DONE}",
    "a symbolic link": f"import os; os.symlink('SECRET', 'link'); open('link').read(); {DONE}",
    "a hard link": f"import os; os.link('SECRET', 'hard'); open('hard').read(); {DONE}",
    "hard link to a library": Escape(
        f"import os; os.link(os.__file__, '/tmp/metier-hard'); {DONE}", "untried"
    ),
    "changing the interpreter": Escape(
        f"import os; open(os.__file__, 'a').close(); {DONE}", "root"
    ),
    "remaking a read-only folder": Escape(
        f"import os; os.chmod(os.path.dirname(os.__file__), 0o755); {DONE}", "root"
    ),
    "a new file at the root": Escape(f"open('/metier-was-here', 'w').close(); {DONE}", "untried"),
    "the environment of another": f"open('/proc/VICTIM/environ').read(); {DONE}",
    "/proc/1/environ": Escape(f"open('/proc/1/environ').read(); {DONE}", "untried"),
    "/proc/self/mem": f"open('/proc/self/mem', 'r+b').close(); {DONE}",
    "/proc/self/root": f"open('/proc/self/root/SECRET').read(); {DONE}",
    "descriptors of the parent": f"import os; os.listdir(f'/proc/{{os.getppid()}}/fd'); {DONE}",
    "/proc/sysrq-trigger": Escape(f"open('/proc/sysrq-trigger', 'w').close(); {DONE}", "untried"),
    "core_pattern": Escape(f"open('/proc/sys/kernel/core_pattern', 'r+').close(); {DONE}", "root"),
    "/sys": f"import os; assert os.listdir('/sys/class'); {DONE}",
    "control groups": f"import os; assert os.listdir('/sys/fs/cgroup'); {DONE}",
    "/dev/mem": Escape(f"open('/dev/mem', 'rb').close(); {DONE}", "untried"),
    "disks": Escape(
        "import os, stat; d = [n for n in os.listdir('/dev') if"
        f" stat.S_ISBLK(os.stat('/dev/' + n).st_mode)]; open('/dev/' + d[0], 'rb'); {DONE}",
        "untried",
    ),
    "making a device": Escape(
        f"import os, stat; os.mknod('null', 0o666 | stat.S_IFCHR, os.makedev(1, 3)); {DONE}",
        "root",
    ),
    "a terminal": f"import os; os.openpty(); {DONE}",
    "/dev/shm": "import os; open('/dev/shm/metier-test', 'w').write('x');"
    f" os.remove('/dev/shm/metier-test'); {DONE}",
    "shared memory by name": "from multiprocessing.shared_memory import SharedMemory as S;"
    f" s = S(create=True, size=10); s.close(); s.unlink(); {DONE}",
    "an inherited descriptor": f"import os; os.fstat(HANDLE); {DONE}",
    "any other descriptor": "import os\nfor fd in range(3, 1 << 16):\n  try: os.fstat(fd); "
    f"{DONE}; break\n  except OSError: pass",
    "secrets of the environment": "import os; assert 'metier-secret' in str(os.environ);" + DONE,
    "a written library": "import shutil, ctypes, glob, os\n"
    "found = glob.glob(os.path.dirname(os.__file__) + '/lib-dynload/_json*.so')\n"
    f"shutil.copy(found[0], 'l.so'); ctypes.CDLL('./l.so'); {DONE}",
    "a written program": "import os; open('p', 'w').write('#!/bin/sh\\necho ESCAPED');"
    " os.chmod('p', 0o755); os.execv('./p', ['p'])",
    "importing metier": f"import metier.store; {DONE}",
    "importing other packages": f"import pydantic; {DONE}",
}

PROCESSES = {
    "fork": f"import os\nif os.fork() == 0: {DONE}",
    "vfork": f"import ctypes; n = ctypes.CDLL(None).syscall(57); assert n >= 0; {DONE}",
    "clone without a thread": "import ctypes; n = ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0);"
    f" assert n >= 0; {DONE}",
    "clone3": "import ctypes; a = (ctypes.c_uint64 * 8)(); a[4] = 17;"
    f" n = ctypes.CDLL(None).syscall(435, ctypes.byref(a), 64); assert n >= 0; {DONE}",
    "a shell": "import subprocess; subprocess.run('echo ESCAPED', shell=True, check=True)",
    "os.system": "import os; os.system('echo ESCAPED')",
    "exec": "import os, sys; os.execv(sys.executable, ['python', '-c', \"print('ESCAPED')\"])",
    "spawning": "import os, sys; os.posix_spawn(sys.executable, ['python', '--version'], {});"
    + DONE,
    "multiprocessing": "import multiprocessing as m; p = m.get_context('fork').Process(target=int);"
    f" p.start(); p.join(); {DONE}",
    "a pickle that runs a shell": "import pickle;"
    " pickle.loads(b\"cos\\nsystem\\n(S'echo ESCAPED'\\ntR.\")",
    "many threads": "import threading, time\nfor _ in range(100):\n"
    f"  threading.Thread(target=time.sleep, args=(0.3,)).start()\n{DONE}",
    "signalling another": f"import os; os.kill(VICTIM, 0); {DONE}",
    "signalling the parent": f"import os; os.kill(os.getppid(), 0); {DONE}",
    "signalling everybody": Escape(f"import os; os.kill(-1, 0); {DONE}", "root"),
    "signalling a group": f"import os; os.killpg(0, 0); {DONE}",
    "a handle on a process": f"import os; os.pidfd_open(VICTIM); {DONE}",
    "owning signals of a pipe": "import os, fcntl; r, w = os.pipe();"
    f" fcntl.fcntl(r, fcntl.F_SETOWN, os.getppid()); {DONE}",
    "higher priority": Escape(f"import os; os.nice(-1); {DONE}", "root"),
    "lower priority": f"import os; os.nice(1); {DONE}",
    "choosing processors": f"import os; os.sched_setaffinity(0, os.sched_getaffinity(0)); {DONE}",
    "real time": Escape(
        f"import os; os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)); {DONE}", "root"
    ),
    "other limits": "import resource as r; s, h = r.getrlimit(r.RLIMIT_NOFILE);"
    f" r.setrlimit(r.RLIMIT_NOFILE, (h, h)); {DONE}",
    "another's limits": f"import resource as r; r.prlimit(VICTIM, r.RLIMIT_CORE); {DONE}",
    "being another user": f"import os; os.setuid(os.getuid()); {DONE}",
    "being root": Escape(f"import os; os.setuid(0); {DONE}", "root"),
    "new session": "import os\npid = os.getpid()\ntry: os.setsid()\nexcept PermissionError:"
    f" os.setpgid(0, 0)\n{DONE}",
    "32-bit system calls": Escape(
        "import ctypes, mmap; m = mmap.mmap(-1, 4096, prot=7);"
        " m.write(bytes.fromhex('b814000000cd80c3'));"
        " f = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)));"
        f" assert f() > 0; {DONE}",
        "untried",
    ),
    "x32 system calls": Escape(
        f"import ctypes; assert ctypes.CDLL(None).syscall(0x40000000 + 39) > 0; {DONE}", "untried"
    ),
}

SYSTEM_CALLS = {
    "ptrace": (101, 0),
    "process_vm_readv": (310, 0),
    "process_vm_writev": (311, 0),
    "unshare": (272, 0),
    "setns": (308, -1, 0),
    "mount": (165, 0, 0, 0, 0, 0),
    "umount2": (166, 0, 0),
    "pivot_root": (155, 0, 0),
    "chroot": (161, 0),
    "open_tree": (428, -100, 0, 0xFFFF),
    "move_mount": (429, -1, 0, -1, 0, 0xFFFF),
    "fsopen": (430, 0, 0),
    "mount_setattr": (442, -1, 0, 0, 0, 0),
    "keyctl": (250, 0, -3, 0),
    "add_key": (248, 0, 0, 0, 0, 0),
    "request_key": (249, 0, 0, 0, 0),
    "bpf": (321, 0, 0, 0),
    "perf_event_open": (298, 0, 0, -1, -1, 0),
    "io_uring_setup": (425, 1, 0),
    "io_uring_enter": (426, -1, 0, 0, 0, 0),
    "userfaultfd": (323, 0xFFFF),
    "memfd_create": (319, 0, 0),
    "memfd_secret": (447, 0xFFFF),
    "shmget": (29, 0, 4096, 0o600),
    "msgget": (68, 0, 0o600),
    "semget": (64, 0, 1, 0o600),
    "mq_open": (240, 0, 0, 0, 0),
    "name_to_handle_at": (303, -100, 0, 0, 0, 0),
    "open_by_handle_at": (304, -1, 0, 0),
    "fanotify_init": (300, 0xFFFFFF, 0),
    "inotify_init1": (294, 0xFFFFFF),
    "kcmp": (312, 0, 0, 0xFF, 0, 0),
    "pidfd_getfd": (438, -1, 0, 0),
    "rt_sigqueueinfo": (129, 1, 0, 0),
    "seccomp": (317, 2, 0, 0),
    "capset": (126, 0, 0),
    "personality": (135, 0xFFFFFFFF),
    "modify_ldt": (154, 0, 0, 0),
    "iopl": (172, 4),
    "clock_settime": (227, 0, 0),
    "settimeofday": (164, 1, 0),
    "adjtimex": (159, 0),
    "reboot": (169, 0, 0, 0, 0),
    "kexec_load": (246, 0, 99, 0, 0),
    "init_module": (175, 0, 0, 0),
    "swapon": (167, 0, 0),
    "sethostname": (170, 0, -1),
    "syslog": (103, 99, 0, 0),
    "quotactl": (179, 0xFFFF, 0, 0, 0),
    "mlockall": (151, 0),
    "ioprio_set": (251, 0, 0, 0),
    "vmsplice": (278, -1, 0, 0, 0),
    "socketpair": (53, 99, 0, 0, 0),
    "dumpable": (157, 4, 99, 0, 0, 0),
}
"""Number and arguments, wrong on purpose: the kernel's own answer is never EPERM for root, so EPERM
says that the call was stopped before it."""

ROOT_ONLY = {
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount", "fsopen",
    "mount_setattr", "bpf", "perf_event_open", "open_by_handle_at", "fanotify_init", "iopl",
    "clock_settime", "settimeofday", "reboot", "kexec_load", "init_module", "swapon",
    "sethostname", "syslog", "quotactl", "userfaultfd", "rt_sigqueueinfo", "io_uring_setup",
    "setns", "keyctl",
}  # fmt: skip

CALLER = """
import ctypes, errno
libc = ctypes.CDLL(None, use_errno=True)
for name, (number, *arguments) in CALLS.items():
    ctypes.set_errno(0)
    done = libc.syscall(ctypes.c_long(number), *map(ctypes.c_long, arguments))
    if done != -1 or ctypes.get_errno() not in (errno.EPERM,):
        print(name, flush=True)
"""


def escapes() -> dict[str, Escape]:
    """All of them by name."""
    found = {**NETWORK, **FILES, **PROCESSES}
    return {name: one if isinstance(one, Escape) else Escape(one) for name, one in found.items()}
