"""The `metier` command with fake models, for runs in which no model's quality matters."""

from metier.cli.main import app
from metier.models import registry
from metier.models.engines.fake import FakeModels

if __name__ == "__main__":
    registry.LocalModels = lambda **settings: FakeModels()
    app()
