"""Documents of our own, and what the tests ask about them."""

from metier.types import Document

HARBOUR = """The Harbour Act was passed in 1911. Parliament amended the Harbour Act in 1934.

The Harbour Board paid the owners $4,200,000 for the eastern pier. The Harbour Board granted a \
licence to the Northern Steam Company on March 3, 1926. The Northern Steam Company operated the \
ferry because the railway bridge was closed in winter.

The inquiry was led by Judge Martha Oldcastle. About 63 percent of the passengers survived the \
storm. The inquiry concluded that the ferry carried too many passengers. He never spoke of it."""

QUARRY = """The Quarry Commission opened the Slate Quarry in 1875. The Quarry Commission employed \
310 people in the first winter. The term “face” means the side of a quarry from which stone is cut.

Director Alan Whitcombe closed the Slate Quarry on July 9, 1903. The Upland Railway carried the \
slate to the coast. The High Court dismissed the claim of the Upland Railway."""


def documents():
    return [
        Document("harbour", HARBOUR, title="The Harbour Papers"),
        Document("quarry", QUARRY, title="The Quarry Papers"),
    ]
