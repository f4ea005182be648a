"""From what the operator typed to a running server."""

from __future__ import annotations

import gc
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

from metier.errors import DataError, MissingExtraError
from metier.models import registry
from metier.serving.catalogue.auto import ENTRY, Auto
from metier.serving.catalogue.changes import Changes
from metier.serving.catalogue.entries import Catalogue, Makers, Target, open_catalogue
from metier.serving.catalogue.tool_options import ToolOptions, open_toolbox
from metier.serving.engines.batcher import Batcher
from metier.serving.engines.opening import Engines
from metier.serving.engines.remote import open_remote
from metier.serving.engines.upstream import Upstream
from metier.serving.engines.writers import SpecialistWriter
from metier.serving.gate.access import Access, is_loopback
from metier.serving.gate.gateway import Gateway
from metier.serving.gate.traces import open_tracing
from metier.serving.records.book import Book
from metier.serving.release.specialist import load
from metier.types import Engine

BASE = "smollm2-135m-instruct"
EMBEDDER = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve."""

    targets: tuple[str, ...] = ()
    base: str = BASE
    embedder: str | None = EMBEDDER
    auto: bool = False
    """Whether ``auto`` is a model: it sends questions to the specialist they are for."""
    generalist: str | None = None
    """Who answers what is no specialist's; the base where none is named."""
    engine: Engine = "openvino"
    book: Path = Path(".metier") / "gateway.sqlite"
    keep_texts: bool = False
    retention_days: float = 30.0
    cache_tokens: int = 32768
    host: str = "127.0.0.1"
    port: int = 8000
    otlp_endpoint: str | None = None
    """The collector that traces go to; None for what the environment says."""
    certificate: Path | None = None
    key: Path | None = None
    tools: tuple[str, ...] = ()
    """``python``, ``search``, ``search=PLACE`` or ``search@TENANT=PLACE``."""
    tool_file: Path | None = None
    """A TOML file that says the same, and more; see ``catalogue.tool_file``."""
    mcp: Path | None = None
    """A file that lists MCP servers."""
    upstream: str | None = None
    """The command of a server that ``base``, an ``openai:MODEL@URL``, stands on."""


def open_gateway(options: ServeOptions) -> Gateway:
    """Load every model and open the book; errors say what cannot be served.

    What was started before an error is ended: the command would wait for engines for ever.
    """
    with ExitStack() as started:
        gateway = _opened(options, started)
        started.pop_all()
    return gateway


def _opened(options: ServeOptions, started: ExitStack) -> Gateway:
    batcher = Batcher()
    started.callback(batcher.close)
    models = registry.LocalModels(engine=options.engine, keep=64, remote=open_remote)
    engines = Engines(
        models,
        batcher,
        engine=options.engine,
        cache_tokens=options.cache_tokens,
        upstream=_upstream(options),
    )
    started.callback(engines.close)

    def specialist(place: Path) -> SpecialistWriter:
        return SpecialistWriter(load(place, models=models), batcher)

    makers = Makers(specialist, engines.writer, models.embedder, options.base, engines.forget)
    catalogue = open_catalogue(_targets(options), makers, embedder=options.embedder)
    auto = None
    if options.auto:
        auto = _auto(options, catalogue, models, batcher)
        catalogue.become([*catalogue, ENTRY])
    book = Book(options.book)
    started.callback(book.close)
    return Gateway(
        catalogue,
        book,
        Access(book),
        batcher,
        engines=engines.running,
        changes=Changes(catalogue, makers, batcher, auto),
        keep_texts=options.keep_texts,
        retention_days=options.retention_days,
        auto=auto,
        tracing=open_tracing(options.otlp_endpoint),
        toolbox=open_toolbox(_tool_options(options), catalogue, models, batcher),
    )


def _tool_options(options: ServeOptions) -> ToolOptions:
    return ToolOptions(
        options.tools,
        options.tool_file,
        options.mcp,
        options.book.with_name(f"{options.book.stem}-artifacts.sqlite"),
    )


def _targets(options: ServeOptions) -> tuple[str, ...]:
    targets = options.targets or (options.base,)
    generalist = options.generalist or options.base
    parsed = map(Target.parse, targets)
    named = {target.name or target.place for target in parsed if not target.tenant}
    return (*targets, generalist) if options.auto and generalist not in named else targets


def _auto(
    options: ServeOptions, catalogue: Catalogue, models: registry.LocalModels, batcher: Batcher
) -> Auto:
    if options.embedder is None:
        raise DataError("auto reads questions with an embedder; name one with --embedder")
    return Auto(
        catalogue,
        models.embedder(options.embedder),
        batcher,
        generalist=options.generalist or options.base,
        cache=options.book.parent / "routing",
    )


def serve(options: ServeOptions, listening: Callable[[str], None] = lambda url: None) -> None:
    """Serve until told to stop; SIGTERM lets the requests under way finish first.

    ``listening`` is told the URL when the first request can come. Raises ``DataError`` where the
    address cannot be had, before any model is loaded.
    """
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtraError("metier serve", "serve") from error
    from metier.serving.routes.app import make_app

    check_exposure(options)
    check_certificate(options)
    bound = _bound(options.host, options.port)
    app = make_app(open_gateway(options))
    gc.freeze()  # half a second a look through what is there for good, in which nobody is answered
    config = uvicorn.Config(
        app,
        host=options.host,
        port=options.port,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=60,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            listening(_url(options, bound.getsockname()[1]))

    with suppress(KeyboardInterrupt):  # the server has drained already
        Server(config).run(sockets=[bound])


def _url(options: ServeOptions, port: int) -> str:
    scheme = "https" if options.certificate else "http"
    host = f"[{options.host}]" if ":" in options.host else options.host
    return f"{scheme}://{host}:{port}/v1"


def _bound(host: str, port: int) -> socket.socket:
    """A socket at this address, a free port for 0; nobody can connect before it is listened on."""
    from metier.serving.routes.replies import STALLED

    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # on Linux; connections have it from the listening one
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * STALLED)
    try:
        made.bind((host, port))
    except OSError as error:
        made.close()
        raise DataError(
            f"{host}:{port} cannot be served on ({error.strerror or error}); "
            "choose another --port, or a --host of this machine"
        ) from error
    return made


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


def check_certificate(options: ServeOptions) -> None:
    """Raise ``DataError`` where what is named cannot encrypt, or would leave a server in plain."""
    if options.certificate is None:
        if options.key is not None:
            raise DataError(f"--key {options.key} encrypts nothing alone; add --certificate")
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.certificate, options.key)
    except OSError as error:  # of which ssl's own is one
        raise DataError(
            f"--certificate {options.certificate} with --key {options.key} is of no use: {error}; "
            "name a chain and its private key, both in PEM"
        ) from error


def check_exposure(options: ServeOptions) -> None:
    """Raise ``DataError`` where others could reach a server that asks nobody for a key."""
    if is_loopback(options.host):
        return
    book = Book(options.book)
    keyed = book.has_keys()
    book.close()
    if not keyed:
        raise DataError(
            f"--host {options.host} lets other machines in, and there is no key yet; make one with "
            f"`metier keys create NAME --book {options.book}`, or serve on 127.0.0.1"
        )
