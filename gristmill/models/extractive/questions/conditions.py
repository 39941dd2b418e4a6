"""Conditions: "When a variable goes out of scope, …" asks what happens, "If the filter clogs, replace it" what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import to_second_person, tokenize
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context_first, is_key
from gristmill.models.extractive.selfcheck import announces, loose_words
from gristmill.models.extractive.spans import last_continuing, sentence_span

_CONDITION = re.compile(r"^(?P<word>If|When|Whenever) (?P<clause>[^,;:]{10,110}), (?:then )?(?P<main>[^:]{15,})$")
_LOCAL = re.compile(r"`\w{1,2}`|`[^`]*[_\d][^`]*`|^(?:all|everything|something|anything|any|some|things|somebody|someone|none)\b")
_HYPOTHETICAL = re.compile(r"\b(?:would|had|were|'d)\b")
_DUTY = re.compile(r"^(?:you|we) (?:must|should|need to|have to|ought to)\b|^(?:please )?(?:do not|don't|never|always)\b")


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
    word = "when" if found["word"] != "If" else "if"
    clause = to_second_person(found["clause"])
    main = found["main"]
    gerund = verbs.base_of(tokenize(clause)[0].low, "ing") is not None
    first = tokenize(main)[0].low
    if _DUTY.match(main) or (verbs.is_base(first) and not verbs.is_noun_like(first)):
        question, confidence = f"What should you do {word} {clause}?", 0.76
    elif _consequence(main) and not gerund and not re.match(r"(?:you|we|I)\b", found["clause"]):
        question, confidence = f"What happens {word} {clause}?", 0.74
    else:
        return None
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    return Candidate(in_context_first(passage, question), "factual", span, confidence, "condition")


def _consequence(main: str) -> bool:
    lows = [t.low for t in tokenize(main)]
    if lows[0] in ("you", "we", "it's", "that's", "there", "there's", "let", "think", "what", "this", "that"):
        return False
    return not re.match(r"(?:it|they) (?:is|are|can|may|might|must|should|would|could|was|will be|makes|means|seems)\b", main)
