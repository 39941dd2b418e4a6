"""Facts about names: when something happened, by whom it was made."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import (
    Clause,
    find_verb,
    good_subject,
    is_plural,
    lower_first,
    take_clause,
    tokenize,
)
from gristmill.models.extractive.lexicon import COORDINATORS, DETERMINERS, PREPOSITIONS, SUBORDINATORS
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, is_key
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span

_MONTH = r"(?:January|February|March|April|May|June|July|August|September|October|November|December)"
# Only dates with a year: "in March" alone dates nothing.
_DATE = (
    rf"(?:(?:{_MONTH} \d{{1,2}}(?:, | of )?|{_MONTH},? |\d{{1,2}} {_MONTH},? |(?:early|late|"
    rf"mid-?) ?)?(?:1[5-9]|20)\d\d)"
)
_DATE_FIRST = re.compile(
    rf"^(?:In|On|By) (?P<date>{_DATE}), (?P<claim>(?:[^,;:.]|[,.](?=\w)){{12,130}})(?P<more>[,;:].*|\.)?$"
)
_DATE_LAST = re.compile(
    rf"^(?P<claim>(?:[^,;:.]|[,.](?=\w)){{12,130}}?),? (?:in|on) (?P<date>{_DATE})(?P<more>[,;].*|"
    rf"\.| (?:to|by|for|as|with|after) .*)$"
)
_DEADLINE = re.compile(
    r"^(?P<claim>[^,;:]{3,90}? (?:must|should|shall|may|can|has to|have to|will|are|is) [^,;:]{6,90}?) "
    r"(?P<time>(?:within|no later than|at least|every|after|before|by|until|up to) (?:the "
    r")?(?:\w+ ){0,2}?(?:\d+|one|two|three|four|five|six|seven|ten|fourteen|thirty|sixty|ninety|"
    r"twelve)[\w-]* ?"
    r"(?:business |working |calendar )?(?:days?|weeks?|months?|years?|hours?|minutes?)\b.*)$"
)


_LASTS = re.compile(
    r"^(?P<s>[^,;:]{3,60}?) (?P<v>takes?|lasts?|took|lasted) "
    r"(?:about |around |up to |roughly |at least |between |approximately |only )?"
    r"(?:an? |\d+|one|two|three|four|five|six|seven|eight|ten|twelve|several)(?: ?(?:to|and|"
    r"or|-|–|more|full|half|business|months|weeks|days|hours|minutes|years|\d+|two|three|four|"
    r"five|six|eight|ten))*"
    r" ?(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)\b.*$"
)
_COUNT = re.compile(
    r"^(?P<s>[^,;:]{3,50}?) (?P<v>has|have|contains?|comprises?|employs?|operates?|publishes|"
    r"published|employed|had) (?:about |over |more than |around |nearly |roughly |exactly "
    r"|approximately )?"
    r"(?P<n>\d[\d,.]*(?: million| billion)?|two|three|four|five|six|seven|eight|nine|ten|twelve)"
    r" (?P<np>[a-z][\w -]{2,40}?s)(?P<rest>(?: (?:for|of|in|on|at|from|across|with) [\w -]{3,40})"
    r"?)[.,;].*$"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "When did X …?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _when(passage, sentence)
            yield from _deadline(passage, sentence)
            yield from _quantity(passage, sentence)


def _when(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    found = _DATE_FIRST.match(text) or _DATE_LAST.match(text)
    if not found or len(re.findall(_DATE, text)) > 2:
        return
    if _within_phrase(found["more"] or ""):
        return
    claim = found["claim"][0].upper() + found["claim"][1:]
    clause = take_clause(passage, claim)
    if clause is None or clause.aux not in ("was", "were", "did") or not _named(clause):
        return
    question = f"When {clause.aux} {clause.subject} {clause.rest}?"
    yield Candidate(question, "factual", sentence_span(passage, sentence), 0.78, "fact.when")


def _within_phrase(more: str) -> bool:
    """Whether a comma stands between adjectives ("a multi-year, multi-billion deal"): the claim was cut."""
    tokens = tokenize(more)
    if len(tokens) < 2 or tokens[0].text != ",":
        return False
    low = tokens[1].low
    opens = low in DETERMINERS | PREPOSITIONS | SUBORDINATORS | COORDINATORS
    return not (
        opens or verbs.base_of(low, "ing") or verbs.base_of(low, "part") or low in ("best", "then", "making")
    )


def _named(clause: Clause) -> bool:
    """The subject is a name, so that the question needs no more context."""
    words = clause.subject.split()
    return any(word[0].isupper() for word in words) and 1 <= len(clause.rest.split()) <= 16


def _deadline(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    found = _DEADLINE.match(body(sentence))
    if not found:
        return
    clause = take_clause(passage, found["claim"])
    if clause is None or clause.aux in ("did", "was", "were"):
        return
    often = found["time"].startswith("every")
    asks = "How often" if often else "When"
    if clause.rest.endswith(" for"):
        asks = "For how long"
    question = f"{asks} {clause.aux} {clause.subject} {clause.rest.removesuffix(' for')}?"
    yield Candidate(question, "factual", sentence_span(passage, sentence), 0.74, "fact.deadline")


def _quantity(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    found = _LASTS.match(text) or _COUNT.match(text)
    if not found or not good_subject(tokenize(found["s"])) or find_verb(tokenize(found["s"])) is not None:
        return
    subject = lower_first(
        passage, re.sub(r" (?:also|now|currently|still|typically|usually)$", "", found["s"])
    )
    if subject is None:
        return
    past = found["v"] in ("took", "lasted", "published", "employed", "had")
    base = verbs.base_of(found["v"], "past" if past else "s") or found["v"]
    aux = "did" if past else "do" if is_plural(tokenize(found["s"])) else "does"
    what = "How long" if found.re is _LASTS else f"How many {found['np']}{found['rest']}"
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    yield Candidate(
        in_context(passage, f"{what} {aux} {subject} {base}?"), "factual", span, 0.76, "fact.quantity"
    )
