"""Conditions: "When it freezes, …" asks what happens, "If the filter clogs, clean it" what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import take_clause, to_second_person, tokenize
from gristmill.models.extractive.lexicon import (
    AUXILIARIES,
    CONTRACTED,
    DETERMINERS,
    ONES,
    PREPOSITIONS,
    words,
)
from gristmill.models.extractive.passage import Passage, Sentence, straight
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context_first, is_key
from gristmill.models.extractive.selfcheck import announces, loose_words
from gristmill.models.extractive.spans import last_continuing, sentence_span

_CONDITION = re.compile(
    r"^(?:By default, |Generally, |Usually, |Normally, )?(?P<word>[Ii]f|[Ww]hen|[Ww]henever)"
    r" (?P<clause>[^,;:]{10,110}), (?:then )?(?P<main>[^:]{15,})$"
)
# Variables and counters of an example mean nothing outside of it.
_LOCAL = re.compile(
    r"`\w{1,2}`|`[^`]*[_\d][^`]*`|\bin the future\b|^there\b|^(?:all|everything|something|"
    r"anything|any|some|things|somebody|someone|none)\b"
)
# "If we had moved it, …" tells about a case that never was.
_HYPOTHETICAL = re.compile(r"\b(?:would|had|were|'d)\b")
_PAST_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
# "If you want …" is no event that something could follow from.
_STATES = words("""
be have want need know think see look find like feel understand prefer get use come wish forget mean
read
""")
_DUTY = re.compile(
    r"^(?:you|we) (?:must|should|need to|have to|ought to)\b|^(?:please )?(?:do not|don't|never|always)\b"
)


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What happens when …?" and "What should you do if …?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            candidate = _ask(passage, sentence)
            if candidate:
                yield candidate


def _ask(passage: Passage, sentence: Sentence) -> Candidate | None:
    found = _CONDITION.match(body(sentence))
    if not found or loose_words(to_second_person(found["clause"])):
        return None
    if _LOCAL.search(found["clause"]) or _HYPOTHETICAL.search(sentence.plain):
        return None
    stated = (
        take_clause(passage, clause_text[0].upper() + clause_text[1:])
        if (clause_text := found["clause"])
        else None
    )
    if _PAST_YEAR.search(found["clause"]) or any(_is_past(t.low) for t in tokenize(found["clause"])):
        return None
    if stated and stated.aux in ("did", "was", "were"):
        return None
    word = "if" if found["word"].lower() == "if" else "when"
    clause = to_second_person(found["clause"])
    main = found["main"]
    if re.match(r"[\w.`-]+(?:,| or | and )", main) and not verbs.is_base(main.split()[0].strip(",")):
        return None
    gerund = verbs.base_of(tokenize(clause)[0].low, "ing") is not None
    if _DUTY.match(main) or _imperative(main):
        question, confidence = f"What should you do {word} {clause}?", 0.76
    elif _consequence(main) and not gerund and _happening(found["clause"]):
        question, confidence = f"What happens {word} {clause}?", 0.74
    else:
        return None
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    return Candidate(in_context_first(passage, question), "factual", span, confidence, "condition")


def _consequence(main: str) -> bool:
    lows = [t.low for t in tokenize(main)]
    opening = [t.low for t in tokenize(re.split(r"[,;]", main)[0])[1:]]
    # "If you set a client, transport, or hook, …": the comma stood inside of a list.
    if not any(w in AUXILIARIES or w in CONTRACTED or verbs.is_verb(w) for w in opening):
        return False
    if lows[0] in ("you", "we", "it's", "that's", "there", "there's", "let", "think", "what", "this", "that"):
        return False
    return not re.match(
        r"(?:it|they) (?:is|are|can|may|might|must|should|would|could|was|will be|makes|means|seems)\b", main
    )


def _happening(clause: str) -> bool:
    """An event, or an act of the reader; not a state or a wish of the reader."""
    words = straight(clause).lower().split()
    if words[0] not in ("you", "we", "i", "your", "you're", "we're"):
        return True
    acts = verbs.is_base(words[1]) and words[1] not in _STATES
    return acts and not re.search(r"\d|\b(?:want|need|know|later|again|now|next)\b", clause)


def _is_past(word: str) -> bool:
    past = verbs.base_of(word, "past") is not None
    return past and verbs.base_of(word, "part") is None and not verbs.is_base(word)


def _imperative(main: str) -> bool:
    tokens = tokenize(re.sub(r"^(?:please|then|first|just|simply) ", "", main))
    if len(tokens) < 2 or not tokens[1].is_word:
        return False
    first, second = tokens[0].low, tokens[1].low
    if second in ("it", "them", "your") and first not in DETERMINERS | PREPOSITIONS | {"you", "we"}:
        return True
    if not verbs.is_base(first) or second in AUXILIARIES or verbs.base_of(second, "s"):
        return False
    return not verbs.is_noun_like(first) or second in DETERMINERS | ONES | {"to", "until", "for", "at"}
