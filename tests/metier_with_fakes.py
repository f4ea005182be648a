"""The `metier` command with fake models, for runs in which no model's quality matters.

The variable PAUSE is the seconds before each piece of a stream.
"""

import os
import time

from metier.cli.main import app
from metier.models import registry
from metier.models.engines.fake import FakeModel, FakeModels


def slowly(stream, pause):
    def paused(*asked):
        for piece in stream(*asked):
            time.sleep(pause)
            yield piece

    return paused


if __name__ == "__main__":
    FakeModel.stream = slowly(FakeModel.stream, float(os.environ.get("PAUSE", "0")))
    registry.LocalModels = lambda **settings: FakeModels()
    app()
