"""Another server, such as vLLM, run as a process in its own environment and kept alive."""

from __future__ import annotations

import itertools
import json
import logging
import os
import shlex
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from metier.errors import EndpointError
from metier.models.engines.continuous import Counts
from metier.types import Json

_log = logging.getLogger("metier.serving")

LONGEST_START = 900
"""Seconds; a large model is read, compiled and warmed up in minutes."""
LONGEST_PAUSE = 30
"""Seconds between two starts of a server that ends at once."""


class Upstream:
    """An OpenAI-compatible server: started with a command, started again whenever it ends.

    Adapters are loaded while it runs, by vLLM's ``POST /v1/load_lora_adapter``, and once more
    after every start.
    """

    def __init__(self, command: str | Sequence[str], url: str) -> None:
        """``url`` ends in ``/v1``; returns when it answers, ``EndpointError`` when it does not."""
        self.name = url
        self.ready = False
        self.restarts = 0
        self.counts = Counts()
        """Never any: it has metrics of its own."""
        self._command = shlex.split(command) if isinstance(command, str) else list(command)
        self._adapters: dict[str, Path] = {}
        self._numbers = itertools.count()
        self._closing = threading.Event()
        self._process = self._start()
        try:
            self._wait()
        except BaseException:
            self.close()
            raise
        threading.Thread(target=self._watch, name="metier-upstream", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of the process that is at work now."""
        return self._process.pid

    def adapter(self, folder: Path) -> str:
        """Load an adapter; the name that the server knows it by."""
        name = f"{folder.name}-{next(self._numbers)}"
        self._load(name, folder)
        self._adapters[name] = folder
        return name

    def forget(self, folder: Path) -> None:
        """Let the server drop an adapter, by vLLM's ``POST /v1/unload_lora_adapter``."""
        for name in [name for name, known in self._adapters.items() if known == folder]:
            del self._adapters[name]
            self._post("unload_lora_adapter", {"lora_name": name})

    def close(self) -> None:
        """End the process, by force where it takes more than ten seconds."""
        self._closing.set()
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**os.environ, "VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
        try:
            # A group of its own, so that Ctrl-C lets it finish what the gateway drains.
            return subprocess.Popen(self._command, env=environment, start_new_session=True)
        except OSError as error:
            raise EndpointError(f"{self._command[0]} cannot be started: {error}") from error

    def _wait(self) -> None:
        for _ in range(LONGEST_START * 2):
            if self._process.poll() is not None:
                raise EndpointError(
                    f"`{shlex.join(self._command)}` ended with {self._process.returncode} before "
                    f"it answered at {self.name}"
                )
            if self._answers():
                break
            time.sleep(0.5)
        else:
            raise EndpointError(f"nothing answers at {self.name}")
        for name, folder in self._adapters.items():
            self._load(name, folder)
        self.ready = True

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(self._request("models"), timeout=5):
                return True
        except urllib.error.HTTPError as error:
            if error.code in (401, 403):
                raise EndpointError(
                    f"{self.name} wants a key; give the one that its command names as "
                    "OPENAI_API_KEY"
                ) from error
        except OSError:
            pass
        return False

    def _request(self, route: str, told: Json = None) -> urllib.request.Request:
        """With the key that the models behind this address are asked with."""
        key = os.environ.get("OPENAI_API_KEY")
        headers = {"authorization": f"Bearer {key}"} if key else {}
        if told is None:
            return urllib.request.Request(f"{self.name}/{route}", headers=headers)
        headers["content-type"] = "application/json"
        return urllib.request.Request(f"{self.name}/{route}", json.dumps(told).encode(), headers)

    def _watch(self) -> None:
        pause = 0
        while True:
            code = self._process.wait()
            self.ready = False
            if self._closing.wait(pause):
                return
            _log.error("the server at %s ended with %d; starting it again", self.name, code)
            pause = min(LONGEST_PAUSE, 2 * pause or 1)
            with suppress(EndpointError):
                self._process = self._start()
                self._wait()
                pause = 0
            self.restarts += 1

    def _load(self, name: str, folder: Path) -> None:
        self._post("load_lora_adapter", {"lora_name": name, "lora_path": str(folder.absolute())})

    def _post(self, route: str, told: Json) -> None:
        try:
            with urllib.request.urlopen(self._request(route, told), timeout=120):
                pass
        except OSError as error:
            said = error.read().decode()[:300] if isinstance(error, urllib.error.HTTPError) else ""
            raise EndpointError(
                f"{self.name} refused {route} of {told['lora_name']}: {error} {said}"
            ) from error
