"""The forms of facts and of sentences that cannot stand alone, as regular expressions."""

from __future__ import annotations

import re
from typing import Literal

FactKind = Literal[
    "date", "money", "share", "count", "doer", "agent", "object", "reason", "definition", "name"
]
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_NUMBER = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|[2-9]\d?|[1-9]\d{2}|"
    r"[1-9]\d{0,2}(?:,\d{3})+)"
)
_COUNTED = (
    "(?:years|months|days|hours|weeks|minutes|seconds|people|patients|children|women|men|states|"
    "members|times|miles|cases|counts|votes|justices|judges|employees|countries|pages|bytes|bits|"
    "characters|arguments|parties|defendants|plaintiffs|officers|inmates|students|voters|acres|"
    "copies|companies|studies)"
)
_UNCOUNTED = "the The these those next last past first to No. at page section Section Rule"
_NO_COUNT = "".join(rf"(?<!{before} )" for before in _UNCOUNTED.split())
_PARTICIPLE = r"(?:\w+ed|written|given|made|built|drawn|begun|won|sold|taken|known|shown)"
_HONORIFIC = r"(?:(?:Mr|Mrs|Ms|Dr|Judge|Justice|President|Professor|Chief Justice)\.? )?"
_BY_FORM: tuple[tuple[FactKind, str, str], ...] = (
    ("date", "on which date", rf"\b[Oo]n (?P<a>{_MONTH} \d{{1,2}}, \d{{4}})(?!\d)"),
    ("date", "on which date", rf"\b[Oo]n (?P<a>\d{{1,2}} {_MONTH} \d{{4}})(?!\d)"),
    ("date", "in which month and year", rf"\b[Ii]n (?P<a>{_MONTH},? \d{{4}})(?!\d)"),
    (
        "date",
        "in which year",
        r"\b[Ii]n (?P<a>1[5-9]\d\d|20\d\d)(?=[ ,;.])(?! ?[–-]| (?:and|or|to) \d)",
    ),
    (
        "money",
        "how much",
        r"(?P<a>(?:US|U\.S\.)?[$€£]\s?\d[\d,]*(?:\.\d+)?"
        r"(?: (?:thousand|million|billion|trillion))?)"
        r"(?![\d-]| (?:bill|note|limit|threshold|cap)\b)",
    ),
    (
        "share",
        "what percentage",
        r"(?<![\d.,-])(?<!\bto )(?P<a>\d+(?:\.\d+)? ?(?:percent|per cent|%))(?! ?[-–]| to \d)"
        r"(?= (?:of|in|to)\b|[.,;])",
    ),
    (
        "count",
        "how many",
        rf"(?<![\d.,$§-])\b(?<!-to ){_NO_COUNT}(?P<a>{_NUMBER})(?= (?:[a-z]+ )?{_COUNTED}\b)",
    ),
    (
        "agent",
        "by whom",
        rf"(?<!\()\b{_PARTICIPLE} (?P<a>by {_HONORIFIC}[A-Z][\w’'-]+"
        r"(?: (?:[A-Z]\. )?[A-Z][\w’'-]+){1,3})(?=[ ,.;])",
    ),
)
FORMS = tuple((kind, asked, re.compile(form)) for kind, asked, form in _BY_FORM)
"""What is asked for, in which words, and what it looks like; group ``a`` is the answer."""
DOER = re.compile(
    r"^(?P<a>(?:The |the )?(?:(?:Mr|Mrs|Ms|Dr|Prof)\. )?[A-Z][\w’'-]*"
    r"(?: (?:of (?:the )?|the |and |for )?[A-Z][\w’'-]*){0,5}) (?=[a-z]+)"
)
TERM = re.compile(
    r"(?:[Tt]he (?:term|phrase|word) )[“\"‘'](?P<term>[^”\"’']{2,60})[”\"’'],? "
    r"(?:means|is defined (?:as|to mean)|refers to) (?P<a>[^.;]{8,200})"
)
SHORT = re.compile(
    r"(?P<a>(?:[A-Z][\w’-]*(?: (?:and|of|for|the|in|to|on))* ){2,9})\((?P<short>[A-Z]{3,8})\)"
)
"""A name with its short form behind it."""
OPENER = re.compile(
    r"^(?:To|By|Before|Upon|Under|During|Following|Until|After)"
    r"(?! (?:all|any) )(?:(?! (?:that|such|so|it|which|what|doing)\b)[^,;]){8,120}, "
    r"(?=[A-Z]|the |an? )"
)
"""What stands before a main clause that could do without it."""
IS_A = re.compile(
    r"^(?P<term>(?:An? |The )?[A-Z][\w’'() -]{1,50}?) (?P<verb>is|are|was|were) "
    r"(?P<a>(?:an?|the) [^.;:]{12,200})[.;]$"
)
LEANS = re.compile(
    r"^(?:He|She|It|They|We|I|You|This|That|These|Those|Such|His|Her|Its|Their|Our|My|There|Here|"
    r"Both|Neither|Either|Each|Another|Others?|Some|Many|Most|All|Any|No|See|Cf|Id|Ibid|Also|But|"
    r"And|Or|So|Thus|Hence|Therefore|However|Moreover|Nor|Yet|Then|If|Because|Although|While|When|"
    r"As|What|Which|Who|Why|How|Where|For|Even|Only|Not|One|Two|Three|First|Second|Third|Finally|"
    r"Indeed|Accordingly|Consequently|Nevertheless|Similarly|Instead|Likewise|Rather)\b"
)
"""A sentence that begins so continues another one."""
BROKEN = re.compile(
    r"\b(?:[Ii]d\.|[Cc]f\.|App\. \d|at \d)|\b(?:supra|infra|ante|ibid|see|above|below|aforesaid|"
    r"respectively|latter|former|hereinafter|following|[Ww]e|[Oo]ur|I|[Mm]y|[Yy]ou)\b|"
    r"^(\w+) \1\b|\b(?:Figure|Fig\.|Table|Chart|Appendix) \d|"
    r"\bArgued |\bDecided |\b\d+ (?:F|U|S|Cal|Stat)\.|\bas Amic|"
    r"[\[\]{}|<>=_]|\.\.\.|\. \. \.|…|--|——"
)
"""Citations, first persons, ellipses, and what points at tables or is left of them."""
PRONOUN = re.compile(
    r"\b(?:he|she|it|they|him|them|his|her|its|their|this|that case|these|those)\b"
)
FOOTNOTE_NUMBER = re.compile(r"^\d{1,2} (?=[A-Z])")
OBJECT = re.compile(r"^ (?:that|the|an?|its|his|her|their|no|any|all|both|each) ")
NOUN = re.compile(r"^ (?:the|an?|one of) ")
LIGHT = frozenset(
    {"base", "deliver", "do", "get", "give", "have", "make", "place", "put", "take", "use"}
)
"""Verbs that say nothing without their object: "what did the jury make?"."""
SECOND_VERB = re.compile(r" and (?P<verb>[a-z]+)")
_LEADS = "that|which|who|whom|whose|when|where|while|because|if|whether|as|than|and|what|how|—"
SECOND_CLAUSE = re.compile(
    rf"^(?! that )(?:(?!\b(?:{_LEADS})\b).)*"
    r"\b(?:is|are|was|were|has|have|had|can|could|will|would|may|might|must|shall|should|did|does|"
    r"supports?|suggests?|means|shows?|requires?)\b"
)
"""An object in which a finite verb stands without a word that leads to it."""
SUBORDINATE = re.compile(
    r"\b(?:that|which|who|whom|whose|when|while|because|until|since|before|after)\b"
)
TITLE = re.compile(
    r"^(?:the )?(?:Mr|Mrs|Ms|Dr|Prof|Justice|Judge|Chief Justice|Chief Judge|President|Senator|"
    r"Professor)\b",
    re.IGNORECASE,
)
BODY = re.compile(
    r"\b(?:Court|Congress|Company|Corporation|Commission|Committee|Board|Agency|Department|Panel|"
    r"Circuit|Government|State|Act|Council|University|Bank|Service|Bureau|Senate|House|Union)\b"
)
