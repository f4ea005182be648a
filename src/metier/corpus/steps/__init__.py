"""The cleaning steps by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metier.corpus.steps.html import Html
from metier.corpus.steps.hyphenation import Hyphenation
from metier.corpus.steps.mail import Addresses, MailHeaders, Quotes, Signatures
from metier.corpus.steps.names import RemoveNames
from metier.corpus.steps.newsgroups import NewsgroupsFooters, NewsgroupsHeaders, NewsgroupsQuotes
from metier.corpus.steps.pdf_text import PdfFurniture
from metier.corpus.steps.personal import PersonalData
from metier.corpus.steps.whitespace import Whitespace

_ALL: tuple[type[Any], ...] = (
    MailHeaders,
    Quotes,
    Signatures,
    Addresses,
    NewsgroupsHeaders,
    NewsgroupsFooters,
    NewsgroupsQuotes,
    PdfFurniture,
    Hyphenation,
    Html,
    PersonalData,
    RemoveNames,
    Whitespace,
)

STEPS: Mapping[str, type[Any]] = {step.name: step for step in _ALL}
"""Every step's class; its dataclass fields are its options (``Any``: a class of a dataclass)."""
