"""Procedures: "To define a struct, we enter …" and "You can create X by …" ask how."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import to_second_person, tokenize
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, in_context_first
from gristmill.models.extractive.selfcheck import announces, is_prose, points_elsewhere, starts_dangling
from gristmill.models.extractive.spans import MAX_ANSWER, Span, last_continuing, sentence_span, usable, with_blocks

_PURPOSE_WE = re.compile(r"^(?:In order )?[Tt]o (?P<goal>[^;:]{5,90}?), (?P<act>(?P<who>you|we) [^\n]{8,})$")
_PURPOSE = re.compile(r"^(?:In order )?[Tt]o (?P<goal>[^,;:]{5,90}), (?P<act>(?:(?:simply|just|first|please|either) )?(?P<who>[A-Za-z']+) [^\n]{8,})$")
_BY = re.compile(
    r"^(?:(?P<where>(?:On|In|With|Under|Within) [^,;:]{2,40}), )?(?P<who>[Yy]ou|[Ww]e|One) (?:can |could |may |must |should |have to )?(?:also |now |then |easily |typically |usually |often )?"
    r"(?P<goal>[a-z]+ [^,;:]{3,90}?),? (?P<how>by [a-z]+ing|using|with the|via|through) (?P<rest>.{6,})$"
)
_PASSIVE = re.compile(r"^(?P<what>[^,;:]{2,60}?) (?:can be|is|are) (?:\w+ly )?(?P<part>[a-z]+) (?:by (?P<ing>[a-z]+ing)|using|with the) (?P<rest>.{8,})$")
_BY_FIRST = re.compile(r"^By (?P<ing>[a-z]+ing) [^,;:]{5,110}, (?:you|we) can (?P<goal>[^,;:]{8,110}?)[.;,].*$")
_BEST = re.compile(
    r"^(?P<np>(?:The|One) (?P<adj>(?:best|easiest|simplest|recommended|usual|most common|preferred|fastest|safest|other|)) ?way to "
    r"(?P<goal>[^,;:]{5,80}?)) is (?:to|by|with|through) (?P<rest>.{8,})$"
)
_IMPERATIVE = re.compile(r"^(?P<goal>[A-Z][a-z]+ [^,;:]{4,80}?) (?P<how>by [a-z]+ing|using) (?P<rest>.{6,})$")
_FOLLOWING = re.compile(r"\b(?:following|these|this|here)\b")
_WEAK = frozenset("be do have make-sure see understand know think say mean need want keep remember consider look get go try "
                  "illustrate demonstrate show explain help continue begin start imagine satisfy work learn".split())


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "How do you …?"."""
    for sentence in passage.sentences:
        if not is_prose(sentence.text) or points_elsewhere(sentence.text) or starts_dangling(body(sentence)):
            continue
        question = _purpose(sentence) or _by(sentence) or _passive(sentence) or _best(sentence) or _by_first(sentence)
        if question is None:
            continue
        span = _answer(passage, sentence)
        if span is None:
            continue
        code = "```" in span.text
        ask = in_context if len(question.split()) <= 9 and "," not in question else in_context_first
        yield Candidate(ask(passage, question), "code" if code else "procedure", span, 0.78 + 0.06 * code, "procedure")


def _purpose(sentence: Sentence) -> str | None:
    text = body(sentence)
    found = _PURPOSE_WE.match(text) or _PURPOSE.match(text)
    if not found or not _goal(found["goal"]):
        return None
    who = found["who"].lower()
    if who not in ("you", "we", "use", "run", "call") and not verbs.is_base(who):
        return None
    return f"How do you {to_second_person(found['goal'])}?"


def _by(sentence: Sentence) -> str | None:
    found = _BY.match(body(sentence))
    if not found or not _goal(found["goal"]):
        return None
    if found["how"].startswith("by ") and not verbs.base_of(found["how"][3:], "ing"):
        return None
    goal = to_second_person(found["goal"])
    where = found["where"]
    return f"{where}, how do you {goal}?" if where else f"How do you {goal}?"


def _passive(sentence: Sentence) -> str | None:
    found = _PASSIVE.match(body(sentence))
    if not found or not verbs.base_of(found["part"], "part") or found["part"] in ("used", "done", "called", "made"):
        return None
    base = verbs.base_of(found["part"], "part")
    what = found["what"]
    if found["ing"] and not verbs.base_of(found["ing"], "ing"):
        return None
    if re.match(r"(?:An?|The) ", what):
        what = what[0].lower() + what[1:]
    elif not what.startswith("`"):
        return None
    return f"How do you {base} {what}?"


def _best(sentence: Sentence) -> str | None:
    text = body(sentence)
    if (found := _BEST.match(text)) and _goal(found["goal"]):
        goal = to_second_person(found["goal"])
        return f"What is the {found['adj']} way to {goal}?" if found["adj"] else f"How can you {goal}?"
    if (found := _IMPERATIVE.match(text)) and _goal(found["goal"]):
        if found["how"] == "using" or verbs.base_of(found["how"][3:], "ing"):
            return f"How do you {found['goal'][0].lower()}{to_second_person(found['goal'][1:])}?"
    return None


def _by_first(sentence: Sentence) -> str | None:
    found = _BY_FIRST.match(body(sentence))
    if not found or not verbs.base_of(found["ing"], "ing") or not _goal(found["goal"]):
        return None
    return f"How can you {to_second_person(found['goal'])}?"


def _goal(goal: str) -> bool:
    tokens = [t for t in tokenize(goal) if t.is_word]
    first = tokens[0].low if tokens else ""
    return len(tokens) >= 2 and verbs.is_base(first) and first not in _WEAK


def _answer(passage: Passage, sentence: Sentence) -> Span | None:
    """The sentence with the code or list that it announces, else with what carries it on."""
    text = sentence.text + sentence.tail
    if text.endswith(":"):
        number = _shown(passage, sentence)
        if number:
            span = with_blocks(passage, sentence, number)
            return span if len(span.text) <= MAX_ANSWER else None
        if sentence.text.endswith(":") and (_FOLLOWING.search(sentence.text) or not sentence.tail):
            return None
    if announces(sentence.text):
        return None
    return sentence_span(passage, sentence, _last_step(passage, sentence))


def _shown(passage: Passage, sentence: Sentence) -> int | None:
    """The number of the code or list block that follows a sentence at the end of its paragraph."""
    if sentence is not passage.by_block[sentence.block][-1]:
        return None
    for number in range(sentence.block + 1, len(passage.blocks)):
        block = passage.blocks[number]
        if block.kind not in ("caption", "html"):
            return number if block.kind in ("code", "list") and block.plain else None
    return None


def _last_step(passage: Passage, sentence: Sentence) -> Sentence:
    """Imperatives after the first one belong to the same answer."""
    last = last_continuing(passage, sentence)
    length = len(sentence.text)
    for following in passage.by_block[sentence.block][last.index + 1 :]:
        first = following.plain.split()[0].lower().rstrip(",")
        length += len(following.text)
        if not usable(following) or announces(following.text) or length > MAX_ANSWER * 0.6:
            break
        if not (verbs.is_base(first) or first in ("then", "next", "finally", "after")):
            break
        last = following
    return last
