"""``model: "auto"``: a router for each tenant over the specialists that it may ask."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from metier.errors import DataError
from metier.methods.files import read_arrays, write_arrays
from metier.methods.tuning.requests import general_requests
from metier.protocols import Embedder
from metier.serving.catalogue.entries import Entry, visible_to
from metier.serving.catalogue.router import Route, Router, fit_router
from metier.serving.engines.batcher import Batcher
from metier.serving.release.questions import MOST_CHARACTERS
from metier.types import Json, content_hash

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAME = "auto"
ENTRY = Entry(NAME, "router")


class Auto:
    """Routes questions; the vectors come through the same queue as all others."""

    def __init__(
        self,
        entries: Iterable[Entry],
        embedder: Embedder,
        batcher: Batcher,
        *,
        generalist: str,
        cache: Path,
    ) -> None:
        """As ``learn``; the vectors of questions are kept in the folder ``cache``, so that a later
        start is quick."""
        self._embedder = embedder
        self._batcher = batcher
        self._generalist = generalist
        self._cache = cache
        self._routers: Mapping[str, Router | None] = {}
        self.learn(entries)

    def learn(self, entries: Iterable[Entry]) -> None:
        """Fit a router for every tenant from the questions that the releases carry.

        Raises ``DataError`` when no model has questions, a specialist has none, or the generalist
        is not there for everybody; then the routers stay as they were.
        """
        known = list(entries)
        asked = [entry for entry in known if entry.questions]
        bare = [e.name for e in known if e.kind == "specialist" and not e.questions]
        if bare or not asked:
            raise DataError(
                f"auto needs example questions, and {bare[0] if bare else 'every model'!r} has "
                "none: release it again with `metier run`, or write some as a list into "
                "questions.json beside its files"
            )
        if self._generalist not in {e.name for e in known if e.writer and not e.tenant}:
            raise DataError(
                f"the generalist {self._generalist!r} is no model that everybody may ask"
            )
        general = self._vectors(general_requests())
        routers: dict[str, Router | None] = {"": None}
        for tenant in {entry.tenant for entry in known}:
            seen = visible_to(tenant, known)
            vectors = {one.name: self._vectors(one.questions) for one in seen if one.questions}
            fitted = fit_router(vectors, general, generalist=self._generalist) if vectors else None
            routers[tenant] = fitted
        self._routers = routers

    def router(self, tenant: str) -> Router | None:
        """The tenant's own, or that over everybody's specialists; None where it may ask none."""
        return self._routers[tenant if tenant in self._routers else ""]

    async def route(self, text: str, router: Router) -> Route:
        """Where a question goes; ``Refusal`` 429 when too much waits already."""
        future = self._batcher.submit((NAME, id(self)), text[:MOST_CHARACTERS], self._embed)
        vector = await asyncio.wrap_future(future)
        return router.routes(vector[None, :])[0]

    def _embed(self, texts: Sequence[str]) -> Sequence[NDArray[np.float32]]:
        return list(self._embedder.embed(texts))

    def _vectors(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """From the cache where these texts were embedded before."""
        path = self._cache / f"{content_hash([self._embedder.name, list(texts)])}.npz"
        if path.is_file():
            return read_arrays(path, ("vectors",))["vectors"]
        vectors = self._embedder.embed(texts)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_arrays(path, {"vectors": vectors})
        return vectors


def described(router: Router) -> Json:
    """What ``GET /v1/models/auto`` tells besides the name."""
    return {
        "specialists": list(router.specialists),
        "generalist": router.generalist,
        "threshold": router.threshold,
        "held_out": {name: asdict(value) for name, value in _checks(router)},
    }


def _checks(router: Router) -> list[tuple[str, Json]]:
    check = router.check
    return [("kept", check.kept), ("right", check.right), ("strange", check.strange)]
