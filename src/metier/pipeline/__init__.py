"""The only room that knows the order of the stages."""

from __future__ import annotations

from metier.pipeline.opened import opened
from metier.pipeline.stages import Pipeline

__all__ = ["Pipeline", "opened"]
