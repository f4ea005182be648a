"""Passages and stores for the tests of retrieval."""

import threading
from concurrent.futures import ThreadPoolExecutor

from metier.models.engines.fake import FakeEmbedder
from metier.retrieval.store.index import Index
from metier.types import Chunk, Passage, SearchSettings, Span


def passage(document, text, *, number=0, title="", **more):
    """A passage that is its whole document."""
    chunk = Chunk(f"{document}#{number}", text, 0, len(text), Span(document, 0, len(text)), title)
    return Passage(chunk, **more)


def store(path, *passages, settings=None):
    """A store with a fake embedder, whose vectors mean little, and these passages."""
    index = Index.create(path, FakeEmbedder(), settings=settings or SearchSettings(text=1.0))
    index.upsert(passages)
    return index


def found(index, question, k=5, **more):
    """The ids of the documents found for one question, the best first."""
    return [hit.chunk.source.document for hit in index.search([question], k, **more)[0]]


def write_at_once(path, *changes):
    """Each change by a writer of its own, all let go at one moment."""
    ready = threading.Barrier(len(changes))

    def write(change):
        index = Index.open(path, FakeEmbedder())
        ready.wait()
        change(index)

    with ThreadPoolExecutor(len(changes)) as pool:
        for done in [pool.submit(write, change) for change in changes]:
            done.result()
