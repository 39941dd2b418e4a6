"""Procedures: "To define a struct, we enter …" and "You can create X by …" ask how."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import to_second_person, tokenize
from gristmill.models.extractive.lexicon import PREPOSITIONS, words
from gristmill.models.extractive.passage import Passage, Sentence, straight
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, in_context_first
from gristmill.models.extractive.selfcheck import announces, is_prose, points_elsewhere, starts_dangling
from gristmill.models.extractive.spans import (
    MAX_ANSWER,
    Span,
    last_continuing,
    sentence_span,
    usable,
    with_blocks,
)

_PURPOSE_WE = re.compile(r"^(?:In order )?[Tt]o (?P<goal>[^;:]{5,90}?), (?P<act>(?P<who>you|we) [^\n]{8,})$")
_PURPOSE = re.compile(
    r"^(?:In order )?[Tt]o (?P<goal>[^,;:]{5,90}), (?P<act>(?:(?:simply|just|first|please|"
    r"either) )?(?P<who>[A-Za-z']+) [^\n]{8,})$"
)
_BY = re.compile(
    r"^(?:(?P<where>(?:On|In|With|Under|Within) [^,;:]{2,40}), )?(?P<who>[Yy]ou|[Ww]e|One)"
    r" (?:can |could |may |must |should |have to )?(?:also |now |then |easily |typically |"
    r"usually |often )?"
    r"(?P<goal>[a-z]+ [^,;:]{3,90}?),? (?P<how>by [a-z]+ing|using|with the|via|through) (?P<rest>.{6,})$"
)
_PASSIVE = re.compile(
    r"^(?P<what>[^,;:]{2,60}?) (?:can be|is|are) (?:\w+ly )?(?P<part>[a-z]+) (?:by (?P<ing>[a-z]+ing)"
    r"|using|with the) (?P<rest>.{8,})$"
)
_BY_FIRST = re.compile(
    r"^By (?P<ing>[a-z]+ing) [^,;:]{5,110}, (?:you|we) can (?P<goal>[^,;:]{8,110}?)[.;,].*$"
)
_BEST = re.compile(
    r"^(?P<np>(?:The|One) (?P<adj>(?:best|easiest|simplest|recommended|usual|most common|preferred|"
    r"fastest|safest|other|)) ?way to "
    r"(?P<goal>[^,;:]{5,80}?)) is (?:to|by|with|through) (?P<rest>.{8,})$"
)
_IMPERATIVE = re.compile(r"^(?P<goal>[A-Z][a-z]+ [^,;:]{4,80}?) (?P<how>by [a-z]+ing|using) (?P<rest>.{6,})$")
# "Here's how to …" points at what follows, which the answer includes.
_SHOWN = re.compile(r"^Here(?:'s|’s)")
_SHOWS = re.compile(
    r"^(?:Here(?:'s| is| are)|The following|This is) (?:an? |some )?(?:simple |short |complete "
    r"|small )?(?:code|commands?|examples?|snippet|script|query|program|configuration|function)"
    r"?"
    r" ?(?:of |that |which )?(?:shows?|showing|demonstrates?|illustrates?|for|on)? ?how (?:to|"
    r"you(?:'d| would| can)?) (?P<goal>[^,;:]{5,90}):$"
)
_ENTER = re.compile(
    r"^(?:(?P<where>(?:On|In|With|From) [^,;:]{2,40}), )?(?:[Yy]ou can |[Yy]ou |[Tt]hen )?(?:[Rr]un|"
    r"[Uu]se|[Ee]nter|[Tt]ype|[Ee]xecute|[Ii]ssue|[Cc]all|[Aa]dd|[Ww]rite) "
    r"(?:the following|this|these)(?: [\w`-]+){1,3} (?:to|in order to) (?P<goal>[^,;:]{5,80}):$"
)
# What "we" of a tutorial does is meant for the reader to do.
_TAUGHT = words("""
access add assign attach bake build calculate call change choose close compare compute connect
convert create cut declare define draw fill find get initialize insert join make measure mix open
place pour put read remove replace select separate set shadow specify split start stop store update
use write
""")
_FOLLOWING = re.compile(r"\b(?:following|these|this|here)\b")
# Verbs of writers and learners, not of procedures.
_WEAK = words("""
be do have make-sure see understand know think say mean need want keep remember consider look get go
try illustrate demonstrate show explain help continue begin start imagine satisfy work learn
""")


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "How do you …?"."""
    for sentence in passage.sentences:
        if passage.blocks[sentence.block].kind == "item" and not sentence.text.startswith("To "):
            continue
        leans = starts_dangling(body(sentence)) and not _SHOWS.match(sentence.plain)
        if leans or not is_prose(sentence.text) or points_elsewhere(_SHOWN.sub("", sentence.text)):
            continue
        question = (
            _purpose(sentence)
            or _by(sentence)
            or _passive(sentence)
            or _best(sentence)
            or _by_first(sentence)
            or _shows(sentence)
        )
        if question is None:
            continue
        span = _answer(passage, sentence)
        if span is None:
            continue
        code = "```" in span.text
        ask = in_context if len(question.split()) <= 9 and "," not in question else in_context_first
        yield Candidate(
            ask(passage, question), "code" if code else "procedure", span, 0.78 + 0.06 * code, "procedure"
        )


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
    first, last = found["goal"].split()[0], found["goal"].split()[-1]
    # "We support ...": an organisation speaks of itself, and teaches nothing.
    speaks = found["who"].lower() == "we" and " can " not in found[0][:12] and first not in _TAUGHT
    if speaks or last in PREPOSITIONS:
        return None
    goal = to_second_person(found["goal"])
    where = found["where"]
    return f"{where}, how do you {goal}?" if where else f"How do you {goal}?"


def _passive(sentence: Sentence) -> str | None:
    found = _PASSIVE.match(body(sentence))
    if (
        not found
        or not verbs.base_of(found["part"], "part")
        or found["part"] in ("used", "done", "called", "made")
    ):
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
    found = _IMPERATIVE.match(text)
    if not found or not _goal(found["goal"]):
        return None
    if found["how"] != "using" and not verbs.base_of(found["how"][3:], "ing"):
        return None
    return f"How do you {found['goal'][0].lower()}{to_second_person(found['goal'][1:])}?"


def _shows(sentence: Sentence) -> str | None:
    """ "Here is how to …:" and "Run the following command to …:"."""
    full = straight(sentence.text)
    if (found := _SHOWS.match(full)) and _goal(found["goal"]):
        return f"How do you {to_second_person(found['goal'])}?"
    if (found := _ENTER.match(full)) and _goal(found["goal"]):
        goal = to_second_person(found["goal"])
        return f"{found['where']}, how do you {goal}?" if found["where"] else f"How do you {goal}?"
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
        if block.kind not in ("caption", "html", "item"):
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
