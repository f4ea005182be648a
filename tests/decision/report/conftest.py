"""The run that the report's tests look at."""

import pytest
from report_runs import build, docstrings

from metier.types import RunReport


@pytest.fixture(scope="session")
def run() -> RunReport:
    """Five rungs on 8 packages' docstrings."""
    return build(docstrings())
