"""What there is to be reached outside of the sandbox while escapes are tried."""

import os
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import metier

SOURCE = Path(metier.__file__).parents[1]


@contextmanager
def world(folder):
    """Yield the values that escapes are filled with."""
    secret = folder / "secret.txt"
    secret.write_text("metier-secret")
    with sqlite3.connect(folder / "ledger") as ledger:
        ledger.execute("CREATE TABLE runs (name)")
    ledger.close()
    with ExitStack() as stack:
        tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        threading.Thread(target=_answer, args=(tcp,), daemon=True).start()
        udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        udp.bind(("127.0.0.1", 0))
        name = f"metier-{os.getpid()}"
        for address in (str(folder / "unix"), f"\0{name}"):
            listening = stack.enter_context(socket.socket(socket.AF_UNIX))
            listening.bind(address)
            listening.listen()
        victim = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        stack.callback(victim.wait)
        stack.callback(victim.kill)
        handle = stack.enter_context(secret.open())
        os.set_inheritable(handle.fileno(), True)
        yield {
            "TCP_PORT": tcp.getsockname()[1],
            "UDP_PORT": udp.getsockname()[1],
            "UNIX_PATH": folder / "unix",
            "ABSTRACT_NAME": name,
            "SECRET": secret,
            "FOLDER": folder,
            "VICTIM": victim.pid,
            "HANDLE": handle.fileno(),
            "PROJECT": SOURCE / "metier",
        }


def filled(code, values):
    for word, value in values.items():
        code = code.replace(word, str(value))
    return code


def outside(code, values, folder):
    """What the code prints without walls, in a folder of its own."""
    done = subprocess.run(
        [sys.executable, "-c", filled(code, values)],
        cwd=folder,
        env={**os.environ, "SECRET_KEY": "metier-secret", "PYTHONPATH": str(SOURCE)},
        pass_fds=[values["HANDLE"]],
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.stdout + done.stderr


def _answer(server):
    while True:
        try:
            connection, _ = server.accept()
        except OSError:
            return
        with connection:
            connection.settimeout(0.2)
            try:
                connection.recv(1000)
                connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok")
            except OSError:
                pass
