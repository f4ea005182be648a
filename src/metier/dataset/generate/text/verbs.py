"""The verb of a plain English sentence, and the words to ask with it.

A closed list: a verb that is not in it is not recognised, and the sentence is then asked about in
another form or not at all, which costs questions and never grammar.
"""

from __future__ import annotations

import re
from typing import NamedTuple


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


AUXILIARIES = _set(
    "is are was were has have had can could will would may might must shall should did does"
)
_REGULAR_WORDS = (
    "accept accuse acquire add admit adopt advise affirm agree allege allow amend announce appeal "
    "appear apply appoint approve argue arrest ask assert assign award ban base borrow call cancel "
    "cause change charge claim close collect complete conclude conduct confirm consider construct "
    "contain contend continue control convert convict create dam decide declare decline defend "
    "define demand deny deploy describe design determine develop direct disclose discover dismiss "
    "dissent divide elect employ enact end enforce enter establish examine exclude execute expand "
    "explain expose extend fail file finance fire form found grant handle help hire identify "
    "impose improve include increase indict inform injure install instruct interpret introduce "
    "invent invest issue join kill launch lease license limit list live load locate marry measure "
    "move name need note observe obtain occur offer open operate oppose order organize own pass "
    "permit petition place plan plead point prescribe present prevent produce prohibit promise "
    "promote propose prosecute protect prove provide publish purchase pursue question raise ratify "
    "reach receive recognize recommend record recover reduce refuse regard reject release rely "
    "remain remand remove rename repeal replace report represent request require reserve resign "
    "resolve restore restrict retain retire return reverse review revise rule save sail seek "
    "sentence separate serve settle show sign solve sort start state stop store study submit sue "
    "suffer suggest supply support suspend terminate test testify transfer travel treat try use "
    "vacate visit vote waive want warn weigh work yield abandon abolish accompany achieve affect "
    "aim assemble assist attack attempt attend authorize bar benefit calculate carry cite combine "
    "commit compare compile compute concede condemn connect contract contribute contrast cover "
    "criticize debate deliver depend deposit derive detect differ distinguish distribute donate "
    "double draft earn eliminate emphasize enable encourage encounter enjoin ensure estimate "
    "evaluate evolve exceed exchange exercise exhibit exist expect export express fill finish "
    "focus follow function gather generate govern guarantee house implement import incorporate "
    "indicate influence inherit initiate insist inspect intend interview investigate invite "
    "involve isolate label lack land last learn maintain manage manufacture match mention merge "
    "modify monitor mount murder negotiate notify object occupy originate outline overrule "
    "participate perform play possess pour practice prefer prepare preserve preside process "
    "promulgate publicize rate realize rebuild redeem refer reflect register regulate reinstate "
    "relate relocate renew rent repair reply reside respond restrain result reveal rise roll "
    "schedule score screen search secure select separate shape share ship shoot sponsor step "
    "stipulate strike stress structure succeed summarize surrender survey switch target tend "
    "threaten trace trade train trigger turn uphold urge value violate visit vest welcome withdraw"
)
_REGULAR = _REGULAR_WORDS.split()
_IRREGULAR_PAIRS = (
    "became:become began:begin bought:buy broke:break brought:bring built:build came:come "
    "chose:choose did:do drew:draw drove:drive fell:fall fought:fight found:find gave:give "
    "got:get grew:grow held:hold kept:keep knew:know laid:lay led:lead left:leave lent:lend "
    "lost:lose made:make meant:mean met:meet overturned:overturn paid:pay ran:run rose:rise "
    "said:say sold:sell sent:send shot:shoot sought:seek spent:spend spoke:speak stood:stand "
    "struck:strike swore:swear taught:teach thought:think told:tell took:take undertook:"
    "undertake understood:understand upheld:uphold went:go withdrew:withdraw won:win wrote:"
    "write fled:flee bore:bear wore:wear"
)
_IRREGULAR = dict(pair.split(":") for pair in _IRREGULAR_PAIRS.split())
_DOUBLED = _set(
    "admit ban bar commit dam permit plan refer stop submit ship step occur prefer rebut"
)
_BLOCKERS = _set("that which who whom whose when while if because where although after")
_TOKEN = re.compile(r"[^\W\d_]+(?:[’'-][^\W\d_]+)*")

_ARTICLE = re.compile(
    r"(?:The|An?|Every|Under|In|On|At|By|During|After|Before|Over|About|Petitioners?|Respondents?|"
    r"From|To|Upon|Until|Since|With|For|As|Through|Between|Within|Alternatively|"
    r"What|Which|Who|Whom|Whose|When|Where|Why|How|Is|Are|Was|Were|Did|Does|Do|Has|Had|Can) "
)
_BEFORE_NOUN = re.compile(r"\b(?:the|an?|its|his|her|their|and|or|to|not|of|by)$", re.IGNORECASE)
_OPENERS = (
    "After|Before|Upon|Under|Since|Until|During|In|On|At|By|For|From|With|Without|To|Of|Given|"
    "According|Although|Because|When|While|If|As|Unlike|Like|Despite|Today|Here|There|Nor|Yet|"
    "Thus|Nonetheless|Nevertheless|Moreover|However|Furthermore|Instead|Therefore|Now|Once|Regardless|Whether|Rather|Not|Only|Even|What|Who|That|This|It|He|She|They|We|I"
)
_SUBJECT = re.compile(
    rf"^(?!(?:{_OPENERS})\b)(?:(?:The|An?) )?(?:[\w’'-]+|[A-Z]\.|Mr\.|Ms\.|Mrs\.|Dr\.|v\.)"
    r"(?: (?:[\w’'-]+|[A-Z]\.|Mr\.|Ms\.|Mrs\.|Dr\.|v\.)){0,7}$"
)
"""One to eight words without a comma. Words that open something else than a subject are out."""


class Clause(NamedTuple):
    """A sentence's subject, its verb, and all that follows."""

    subject: str
    verb: str
    lemma: str | None
    """The verb's plain form; None for an auxiliary."""
    rest: str

    def asked(self, words: str) -> str:
        """``words`` in front: ``why did the court grant the motion``."""
        subject = in_mid_sentence(self.subject)
        if self.lemma is None:
            return f"{words} {self.verb} {subject}{self.rest}"
        did = "did" if self.verb in PAST else "does"
        return f"{words} {did} {subject} {self.lemma}{self.rest}"


def clause(text: str) -> Clause | None:
    """A sentence cut at its verb, where its subject is certain: a plain noun phrase before it."""
    verb = first_verb(text)
    if verb is None:
        return None
    subject, rest = text[: verb.start].strip(), text[verb.end :].rstrip(" .")
    if not _SUBJECT.match(subject) or _BEFORE_NOUN.search(subject) or rest.startswith(" by "):
        return None
    if any(word in PRESENT for word in subject.split()[1:]):
        return None  # "The gene provides orders for a product called ...": an earlier verb
    return Clause(subject, verb.text, verb.lemma, rest)


def in_mid_sentence(words: str) -> str:
    """Without the capital that only a sentence's beginning gives."""
    return words[:1].lower() + words[1:] if _ARTICLE.match(words) else words


class Verb(NamedTuple):
    """A sentence's first finite verb and its place."""

    text: str
    start: int
    end: int
    lemma: str | None
    """The verb's plain form; None for an auxiliary."""


def first_verb(text: str) -> Verb | None:
    """The first word that is surely a finite verb, unless a clause begins before it."""
    for match in _TOKEN.finditer(text):
        word = match.group()
        if word in AUXILIARIES:
            return Verb(word, match.start(), match.end(), None)
        if word in _BLOCKERS:
            return None
        lemma = PAST.get(word)
        if lemma is None and _AFTER_PRESENT.match(text, match.end()):
            lemma = PRESENT.get(word)
        if lemma is not None and match.start():
            return Verb(word, match.start(), match.end(), lemma)
    return None


def _past(verb: str) -> str:
    if verb.endswith("e"):
        return verb + "d"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ied"
    return verb + verb[-1] + "ed" if verb in _DOUBLED else verb + "ed"


PAST = {_past(verb): verb for verb in _REGULAR} | _IRREGULAR
"""From a verb's past to its plain form."""
PRESENT = {verb + "s": verb for verb in _REGULAR if not verb.endswith(("y", "s", "sh", "ch", "x"))}
"""From a verb's third person; many are nouns too, so what follows has to look like an object."""
_AFTER_PRESENT = re.compile(
    r" (?:(?:the|an?|that|its|their|his|her|no|any|each|all)|[A-Z][\w-]*(?:’s?|'s?)) "
)
