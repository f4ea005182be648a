"""``metier serve``: an OpenAI-compatible server for specialists, bases and adapters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from metier.serving.records.book import Book

BOOK = Path(".metier") / "gateway.sqlite"
BookOption = Annotated[
    Path, typer.Option("--book", help="The SQLite file with keys, feedback and the request log.")
]


def known_book(path: Path) -> Book:
    """The book of a server that was started here; ``DataError`` where there is none."""
    from metier.errors import DataError
    from metier.serving.records.book import Book

    if not path.is_file():
        raise DataError(f"{path} is no server's book; name the file with --book")
    return Book(path)


def serve(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            help="Projects, releases, adapters or models, each as PLACE, NAME=PLACE or "
            "NAME@TENANT=PLACE."
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Another than loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    base: Annotated[
        str, typer.Option(help="The model that adapters stand on.")
    ] = "smollm2-135m-instruct",
    embedder: Annotated[
        str, typer.Option(help="The model of /v1/embeddings; empty for none.")
    ] = "all-minilm-l6-v2",
    auto: Annotated[
        bool, typer.Option("--auto", help="Offer the model auto, which finds the right one.")
    ] = False,
    generalist: Annotated[
        str, typer.Option(help="Who answers what is no specialist's; the base if empty.")
    ] = "",
    engine: Annotated[str, typer.Option(help="openvino or transformers.")] = "openvino",
    upstream: Annotated[
        str | None,
        typer.Option(
            help="A command that is kept running, such as `vllm serve MODEL --enable-lora --port "
            "8200`, as the server of --base openai:MODEL@http://127.0.0.1:8200/v1."
        ),
    ] = None,
    book: BookOption = BOOK,
    keep_texts: Annotated[
        bool, typer.Option(help="Log questions and answers, personal data replaced.")
    ] = False,
    retention_days: Annotated[float, typer.Option(min=0, help="How long the log is kept.")] = 30.0,
    otlp_endpoint: Annotated[
        str, typer.Option(help="Send traces to this collector; else as OTEL_ variables say.")
    ] = "",
    certificate: Annotated[Path | None, typer.Option(help="TLS: the certificate chain.")] = None,
    key: Annotated[Path | None, typer.Option(help="TLS: the private key.")] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            help="What models may call: python; search, in a specialist's own documents; "
            "search=PLACE or search@TENANT=PLACE, in those of any."
        ),
    ] = None,
    tools: Annotated[
        Path | None,
        typer.Option(help="A TOML file that lists tools, MCP servers and the budget of a request."),
    ] = None,
    mcp: Annotated[
        Path | None, typer.Option(help="A JSON file that lists MCP servers whose tools to offer.")
    ] = None,
) -> None:
    """Serve what was measured to any client of OpenAI's protocol."""
    from metier.cli.console import console
    from metier.errors import DataError
    from metier.serving.start import ServeOptions, serve

    if engine not in ("openvino", "transformers"):
        raise DataError(f"there is no engine {engine!r}; choose openvino or transformers")
    options = ServeOptions(
        tuple(targets or ()),
        base=base,
        embedder=embedder or None,
        auto=auto,
        generalist=generalist or None,
        engine="openvino" if engine == "openvino" else "transformers",
        book=book,
        keep_texts=keep_texts,
        retention_days=retention_days,
        otlp_endpoint=otlp_endpoint or None,
        host=host,
        port=port,
        certificate=certificate,
        key=key,
        tools=tuple(tool or ()),
        tool_file=tools,
        mcp=mcp,
        upstream=upstream,
    )
    told = console(error=True)
    serve(options, lambda url: told.print(f"serving on {url}; Ctrl-C stops"))
