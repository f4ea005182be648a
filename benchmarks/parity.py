"""Whether a specialist over HTTP says what was measured, item by item.

``python -m benchmarks.parity [PROJECT] [--rung NAME]`` runs the recipe (by default the demo's with
the rungs that need no language model), releases the rung (by default the recommended one), serves
it with ``metier serve``, asks every item of the evaluation again by the official client, eight at a
time, and compares with what the report keeps.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai

from benchmarks.recording import record
from metier.serial import read
from metier.types import ItemResult, Json, RunReport

ROOT = Path(__file__).parents[1]
WORK = ROOT / "build" / "parity"
DEMO = ROOT / "examples" / "python_docs" / "metier.toml"
RUNGS = ("tfidf", "embedding")
"""Those that are built in seconds."""


def main() -> None:
    """Run, serve, ask again, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=WORK)
    parser.add_argument("--rung", help="the recommended one by default")
    options = parser.parse_args()
    folder: Path = options.project
    if not (folder / "metier.toml").exists():
        folder.mkdir(parents=True)
        (folder / "metier.toml").write_text(recipe(), encoding="utf-8")
    metier = [sys.executable, "-m", "metier.cli.main"]
    subprocess.run([*metier, "run", str(folder)], check=True, stdout=subprocess.DEVNULL)
    report = read(RunReport, folder / ".metier" / "report.json")
    rung = options.rung or report.decision.rung
    if rung is None:
        parser.error(f"no rung is recommended: name one of {[c.rung for c in report.scorecards]}")
    release = [*metier, "release", str(folder), "--rung", rung]
    subprocess.run(release, check=True, stdout=subprocess.DEVNULL)
    card = next(card for card in report.scorecards if card.rung == rung)
    port = random.randint(20000, 40000)
    book = folder / ".metier" / "gateway.sqlite"
    words = ["serve", f"specialist={folder}", "--port", str(port), "--book", str(book)]
    server = subprocess.Popen([*metier, *words], stderr=subprocess.DEVNULL)
    try:
        compared = ask_again(f"http://127.0.0.1:{port}", card.items)
    finally:
        server.terminate()
        server.wait(60)
    different = [one for one in compared if not one["identical"]]
    record(
        "parity",
        {
            "identical": 1 - len(different) / len(compared),
            "items": len(compared),
            "largest_probability_difference": max(one["probability"] for one in compared),
        },
        notes={"rung": card.rung, "documents": folder.name, "different": different},
    )


def recipe() -> str:
    """The demo's recipe with two of its rungs, and nothing that needs a language model."""
    general = DEMO.read_text(encoding="utf-8").partition("[[rungs]]")[0]
    rungs = "".join(f'[[rungs]]\nmethod = "{name}"\n\n' for name in RUNGS)
    return general + rungs + "[curve]\nrungs = []\n\n[retention]\nsuites = []\n"


def ask_again(url: str, items: tuple[ItemResult, ...]) -> list[Json]:
    """Each item over HTTP beside what was measured."""
    while True:
        try:
            httpx.get(f"{url}/healthz")
            break
        except httpx.TransportError:
            time.sleep(0.2)
    client = openai.OpenAI(base_url=f"{url}/v1", api_key="none")

    def ask(item: ItemResult) -> Json:
        made = client.chat.completions.create(
            model="specialist", messages=[{"role": "user", "content": item.input}]
        )
        message = made.choices[0].message
        now, then = getattr(message, "probabilities", None) or {}, item.answer.probabilities or {}
        return {
            "item": item.example,
            "identical": message.content == item.answer.text,
            "measured": item.answer.text,
            "served": message.content,
            "probability": max((abs(now[key] - then[key]) for key in then), default=0.0),
        }

    with ThreadPoolExecutor(8) as clients:
        return list(clients.map(ask, items))


if __name__ == "__main__":
    main()
