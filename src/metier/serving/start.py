"""From what the operator typed to a running server."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from metier.errors import DataError, MissingExtraError
from metier.models import registry
from metier.models.resolve import resolve
from metier.serving.access import Access
from metier.serving.batcher import Batcher, Crowd
from metier.serving.book import Book
from metier.serving.catalogue import Makers, open_catalogue
from metier.serving.engine import ContinuousWriter, EngineProcess
from metier.serving.gateway import Gateway
from metier.serving.specialist import load
from metier.serving.upstream import Upstream
from metier.serving.worker import Opening
from metier.serving.writing import PlainWriter, SpecialistWriter, Writer
from metier.types import Engine

BASE = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve."""

    targets: tuple[str, ...] = ()
    base: str = BASE
    embedder: str | None = EMBEDDER
    engine: Engine = "openvino"
    book: Path = Path(".metier") / "gateway.sqlite"
    keep_texts: bool = False
    retention_days: float = 30.0
    cache_tokens: int = 32768
    host: str = "127.0.0.1"
    port: int = 8000
    certificate: Path | None = None
    key: Path | None = None
    upstream: str | None = None
    """The command of a server that ``base``, an ``openai:MODEL@URL``, stands on."""


def open_gateway(options: ServeOptions) -> Gateway:
    """Load every model and open the book; errors say what cannot be served."""
    batcher = Batcher()
    models = registry.LocalModels(engine=options.engine, keep=64)

    remote = Crowd()
    upstream = _upstream(options)
    engines: dict[str, EngineProcess] = {}

    def writer(name: str, adapter: Path | None) -> Writer:
        if name.startswith("openai:"):
            if upstream is not None and adapter is not None:
                name, adapter = f"openai:{upstream.adapter(adapter)}@{upstream.name}", None
            return PlainWriter(models.language_model(name, adapter=adapter), remote)
        if options.engine != "openvino":
            return PlainWriter(models.language_model(name, adapter=adapter), batcher)
        if name not in engines:
            engines[name] = EngineProcess(Opening(resolve(name), name, options.cache_tokens))
        return ContinuousWriter(engines[name], adapter)

    def specialist(place: Path) -> SpecialistWriter:
        return SpecialistWriter(load(place, models=models), batcher)

    makers = Makers(specialist, writer, models.embedder)
    targets = options.targets or (options.base,)
    catalogue = open_catalogue(targets, makers, base=options.base, embedder=options.embedder)
    book = Book(options.book)
    book.forget(options.retention_days)
    return Gateway(
        catalogue,
        book,
        Access(book),
        batcher,
        engines=(*engines.values(), *([upstream] if upstream else [])),
        keep_texts=options.keep_texts,
    )


def serve(options: ServeOptions) -> None:
    """Serve until told to stop; SIGTERM lets the requests under way finish first."""
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("metier serve", "serve") from error
    from metier.serving.app import make_app
    from metier.serving.routing import STALLED

    check_exposure(options)
    config = uvicorn.Config(
        make_app(open_gateway(options)),
        host=options.host,
        port=options.port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=60,
    )
    listening = config.bind_socket()
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux; connections have it from the listening one
        milliseconds = 1000 * STALLED
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    with suppress(KeyboardInterrupt):  # the server has drained already
        uvicorn.Server(config).run(sockets=[listening])


def _upstream(options: ServeOptions) -> Upstream | None:
    if options.upstream is None:
        return None
    url = options.base.rpartition("@")[2]
    if not options.base.startswith("openai:") or not url.startswith("http"):
        raise DataError(
            f"--upstream starts the server of a base such as openai:MODEL@http://127.0.0.1:8200/v1;"
            f" --base is {options.base!r}"
        )
    return Upstream(options.upstream, url)


def check_exposure(options: ServeOptions) -> None:
    """Raise ``DataError`` where others could reach a server that asks nobody for a key."""
    if _is_loopback(options.host):
        return
    book = Book(options.book)
    keyed = book.has_keys()
    book.close()
    if not keyed:
        raise DataError(
            f"--host {options.host} lets other machines in, and there is no key yet; make one with "
            f"`metier keys create NAME --book {options.book}`, or serve on 127.0.0.1"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
