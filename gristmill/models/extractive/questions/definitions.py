"""Definitions: "A trait is …", "Ownership is a set of …", "… is called _borrowing_"."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gristmill.models.extractive.grammar import (
    find_verb,
    good_subject,
    is_adverb,
    is_plural,
    lower_first,
    text_after,
    tokenize,
)
from gristmill.models.extractive.lexicon import PREPOSITIONS
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import Candidate, body, in_context, is_key, topic_bonus
from gristmill.models.extractive.selfcheck import announces, made_up_name
from gristmill.models.extractive.spans import last_continuing, lead_length, sentence_span, usable

_EVALUATION = re.compile(
    r"(?:an? |the )?(?:very |quite |pretty |bit |particularly |especially )?(?:good|great|bad|nice|bit|lot|little|common|"
    r"similar|natural|new|big|huge|simple|useful|handy|problem|mistake|matter|must|case|key|same|reason|"
    r"result|best|better|more|less|easy|hard|difficult|important|possible|different|popular|subject|question|"
    r"excellent|perfect|part|example|major|main|number|few|challenge|pain|topic|favorite|way to go|point|"
    r"responsib\w+|first|last|next|only|one of|ideal|error|long|short|right|wrong|concern|risk|member)\b"
)
_NAMED = re.compile(
    r"(?<!project )(?<!directory )(?<!file )(?<!folder )(?<!function )(?<!variable )(?<!module )(?<!program )(?<!crate )(?<!struct )\b(?:called|termed|dubbed|known as|referred to as|refer to (?:it|this|these|them) as|named)\s+(?:an? |the )?$"
)
_ASKED = {"stands for": "stand for", "represents": "represent", "denotes": "denote"}
_VAGUE_TERMS = frozenset("type types value values thing things part parts note not can must into out is same all one".split())


def propose(passage: Passage) -> Iterator[Candidate]:
    """Questions of the form "What is X?"."""
    for sentence in passage.sentences:
        if is_key(sentence) and not announces(sentence.text):
            yield from _copula(passage, sentence)
            yield from _meaning(passage, sentence)
            yield from _attribute(passage, sentence)
        if usable(sentence) and not announces(sentence.text):
            yield from _named_term(passage, sentence)


def _copula(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    tokens = tokenize(text)
    at = find_verb(tokens)
    if at is None or tokens[at].low not in ("is", "are"):
        return
    subject_tokens = [t for t in tokens[:at] if not is_adverb(t.low)]
    predicate = text_after(tokens, at)
    if not _definable(subject_tokens) or not _describes(predicate, subject_tokens):
        return
    subject = lower_first(passage, text[: subject_tokens[-1].end])
    if subject is None or _is_made_up(passage, subject):
        return
    marked = _starts_marked(passage, sentence)
    confidence = 0.72 + 0.12 * marked + topic_bonus(passage, sentence, _bare(subject))
    question = in_context(passage, f"What {tokens[at].low} {subject}?")
    yield _candidate(passage, sentence, question, confidence, "copula")


_ATTRIBUTE = re.compile(
    r"^(?P<s>(?:The (?:(?:main|primary|key|only|default|minimum|maximum|typical|usual|average|total|biggest|best-known|chief) )?"
    r"(?:goal|purpose|aim|advantage|benefit|drawback|disadvantage|size|length|role|job|task|convention|idea|result|effect|cost|price|capital|"
    r"function|limit|rule|situation|use|cause|source|consequence|risk|value|type|number|amount|temperature|duration|deadline|order|name|difference|solution)"
    r" (?:of|for|in which|behind|to) [^,;:]{3,70}?)|(?:[A-Z][\w-]+'s [^,;:]{3,40}?)) (?P<v>is|are) (?P<rest>(?:to|that|when|a|an|the|by|about|between|`|\d).{10,})$"
)


def _attribute(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "The purpose of X is …" and "Rust's floating-point types are …"."""
    found = _ATTRIBUTE.match(body(sentence))
    if not found or _EVALUATION.match(found["rest"].lower()) or re.search(r"\b(?:is|are|was)\b", found["s"]):
        return
    subject = found["s"]
    if subject.startswith("The "):
        subject = "the " + subject[4:]
    elif passage.is_proper(subject.split("'")[0]) is not True:
        return
    if subject.split()[-1].lower() in PREPOSITIONS or find_verb(tokenize(subject)) is not None:
        return
    yield _candidate(passage, sentence, in_context(passage, f"What {found['v']} {subject}?"), 0.76, "attribute")


def _definable(subject: list) -> bool:  # type: ignore[type-arg]
    if not good_subject(subject) or len(subject) > 6:
        return False
    lows = [t.low for t in subject]
    if lows[0] in ("each", "every", "all", "most", "many", "any", "no", "several", "various", "certain", "two", "three"):
        return False
    if any(low in PREPOSITIONS - {"of"} or low in ("and", "or") for low in lows):
        return False
    if lows[0] == "the" and not any(t.is_code or t.text[0].isupper() for t in subject[1:]) and "of" not in lows:
        return False
    return lows[-1] not in _VAGUE_TERMS and lows[-1] not in ("way", "reason", "difference", "idea", "problem", "goal")


def _describes(predicate: str, subject: list) -> bool:  # type: ignore[type-arg]
    words = predicate.split()
    if len(words) < 5 or _EVALUATION.match(predicate.lower()):
        return False
    first = words[0].lower()
    plural = is_plural(subject)
    return first in ("a", "an", "the", "any") or (plural and not first.endswith(("ed", "ing", "ly")) and _noun_class(words))


def _noun_class(words: list[str]) -> bool:
    return bool(re.match(r"(?:[a-z-]+ ){0,2}[a-z-]+s (?:that|which|of|for|in|with|used|made|whose|who|where)\b", " ".join(words)))


def _starts_marked(passage: Passage, sentence: Sentence) -> bool:
    text = passage.blocks[sentence.block].text
    start = sentence.start + lead_length(sentence.text)
    return bool(text and any(a - start <= 4 for a, _ in text.marked("em", start, sentence.end) + text.marked("strong", start, sentence.end)))


def _bare(term: str) -> str:
    return re.sub(r"^(?:an?|the) ", "", term)


def _is_made_up(passage: Passage, term: str) -> bool:
    return any(made_up_name(passage, code) for code in re.findall(r"`[^`]+`", term))


def _meaning(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    text = body(sentence)
    found = re.match(r"(?P<s>[^,;:]{2,60}?) (?P<v>means|mean|refers to|refer to|denotes|represents|stands for|describes|defines) (?P<rest>.{25,})", text)
    if not found:
        return
    tokens = tokenize(found["s"])
    if not _definable(tokens) and not (_starts_marked(passage, sentence) and good_subject(tokens)):
        return
    subject = lower_first(passage, found["s"])
    if subject is None or find_verb(tokens) is not None or _is_made_up(passage, subject):
        return
    marked = _starts_marked(passage, sentence)
    if found["v"] in ("describes", "defines"):
        if not marked:
            return
        question = f"What is {subject}?"
    else:
        verb = "do" if found["v"] in ("mean", "refer to") else "does"
        question = f"What {verb} {subject} {_ASKED.get(found['v'], 'mean')}?"
    confidence = 0.75 + 0.1 * marked + topic_bonus(passage, sentence, _bare(subject))
    yield _candidate(passage, sentence, in_context(passage, question), confidence, "meaning")


def _named_term(passage: Passage, sentence: Sentence) -> Iterator[Candidate]:
    """ "… is called _term_": the answer begins with the sentence before when this one leans on it."""
    block = passage.blocks[sentence.block].text
    if block is None:
        return
    for start, end in block.marked("em", sentence.start, sentence.end) + block.marked("strong", sentence.start, sentence.end):
        term = block.clean[start:end].strip(" .,;:")
        if not _NAMED.search(block.clean[sentence.start : start]) or not _is_term(term):
            continue
        first = _opening(passage, sentence)
        if first is None:
            continue
        question = in_context(passage, f"What {'are' if is_plural(tokenize(term)) else 'is'} {_with_article(block.clean, start, term)}?")
        span = sentence_span(passage, first, sentence)
        yield Candidate(question, "definition", span, 0.74 + topic_bonus(passage, sentence, term), "named")


def _with_article(text: str, start: int, term: str) -> str:
    found = re.search(r"\b(an?|the) $", text[:start])
    return f"{found[1]} {term}" if found else term


def _is_term(term: str) -> bool:
    words = term.split()
    return 1 <= len(words) <= 5 and len(term) > 3 and term.lower() not in _VAGUE_TERMS and not re.search(r"[`_/\d.]", term)


def _opening(passage: Passage, sentence: Sentence) -> Sentence | None:
    if is_key(sentence):
        return sentence
    if sentence.index == 0:
        return None
    before = passage.by_block[sentence.block][sentence.index - 1]
    return before if is_key(before) and not announces(before.text) else None


def _candidate(passage: Passage, sentence: Sentence, question: str, confidence: float, rule: str) -> Candidate:
    span = sentence_span(passage, sentence, last_continuing(passage, sentence))
    return Candidate(question, "definition", span, confidence, f"definition.{rule}")
