"""The model that reads what was found: the base, or the base with a tuned rung's adapter."""

from __future__ import annotations

import shutil
from pathlib import Path

from metier.errors import DataError
from metier.methods.asking import base_of
from metier.methods.lora import ADAPTER
from metier.protocols import FitContext, LanguageModel, Models
from metier.types import Candidate


def check_adapter(rung: str, context: FitContext) -> None:
    """``DataError`` where ``adapter`` names no rung above this one, or one without an adapter."""
    adapter = context.settings["adapter"]
    if adapter and adapter not in context.fitted:
        raise DataError(
            f"rung {rung!r}: no rung {adapter!r} stands above it on the ladder (there are: "
            f"{', '.join(context.fitted) or 'none'}); put it before this one"
        )
    if adapter and not (context.fitted[adapter][1] / ADAPTER).is_dir():
        raise DataError(f"rung {rung!r}: the rung {adapter!r} has no adapter; name a tuned one")


def copy_adapter(context: FitContext) -> tuple[str, ...]:
    """Copy the named rung's adapter into the candidate; its files, none where none is named."""
    name = context.settings["adapter"]
    if not name:
        return ()
    target = context.workdir / ADAPTER
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(context.fitted[name][1] / ADAPTER, target)
    return tuple(f"{ADAPTER}/{path.name}" for path in sorted(target.iterdir()))


def adapter_seconds(context: FitContext) -> float:
    """What training the named rung's adapter took; 0 where none is named."""
    name = context.settings["adapter"]
    return context.fitted[name][0].train_seconds if name else 0.0


def open_reader(candidate: Candidate, directory: Path, models: Models) -> LanguageModel:
    """The candidate's base, under its own copy of the adapter where it has one."""
    adapter = directory / ADAPTER if candidate.settings["adapter"] else None
    return models.language_model(base_of(candidate), adapter=adapter)
