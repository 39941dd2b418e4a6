"""Answers to a given question: the pair that the rules themselves would make, else the closest sentences."""

from __future__ import annotations

from rapidfuzz import fuzz

from gristmill.models.extractive.overlap import content_words, share
from gristmill.models.extractive.passage import Passage, Sentence
from gristmill.models.extractive.questions.candidate import is_key
from gristmill.models.extractive.rank import find_pairs
from gristmill.models.extractive.selfcheck import announces
from gristmill.models.extractive.spans import last_continuing, sentence_span, usable

NO_ANSWER = "The passage does not answer this question."


def answer(passage: Passage, question: str, sample: int = 0) -> str:
    """Answer number ``sample``, best first; :data:`NO_ANSWER` when nothing fits."""
    options = answers(passage, question)
    return options[min(sample, len(options) - 1)] if options else NO_ANSWER


def answers(passage: Passage, question: str) -> list[str]:
    """Possible answers, best first, no two alike."""
    pairs = [(fuzz.ratio(question.lower(), c.question.lower()), c.answer.text) for c in find_pairs(passage)]
    found = [text for ratio, text in sorted(pairs, reverse=True) if ratio >= 85]
    wanted = content_words(question)
    ranked = sorted(
        (
            (_fit(sentence, wanted), -i, sentence)
            for i, sentence in enumerate(passage.sentences)
            if usable(sentence)
        ),
        key=lambda row: row[:2],
        reverse=True,
    )
    for fit, _, sentence in ranked:
        if fit >= 0.3 and not announces(sentence.text):
            found.append(sentence_span(passage, sentence, last_continuing(passage, sentence)).text)
    return list(dict.fromkeys(found))


def _fit(sentence: Sentence, wanted: frozenset[str]) -> float:
    words = content_words(sentence.text)
    return share(wanted, words) + 0.1 * is_key(sentence) + 0.05 * min(1.0, len(words - wanted) / 5)
