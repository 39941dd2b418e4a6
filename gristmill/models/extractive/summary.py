"""Summaries: the two to four most central sentences that stand on their own, in order."""

from __future__ import annotations

from collections import Counter

from gristmill.models.extractive.overlap import content_words, share
from gristmill.models.extractive.passage import Passage, Sentence, straight
from gristmill.models.extractive.questions.candidate import is_key
from gristmill.models.extractive.rank import is_english
from gristmill.models.extractive.selfcheck import announces, loose_words
from gristmill.models.extractive.spans import capital, lead_length

_MINIMUM = 3
"""Sentences that a passage must have to be worth a summary."""


def summarise(passage: Passage, sample: int = 0) -> str:
    """A summary, or "" when there is too little to sum up; later samples vary the length."""
    pool = standing(passage)
    if len(pool) < _MINIMUM or not is_english(passage.raw):
        return ""
    wanted = min(4, max(2, len(pool) // 3)) + (0, -1, 1)[sample % 3]
    chosen: list[Sentence] = []
    for sentence in sorted(pool, key=lambda s: -_centrality(passage, s, pool)):
        words = content_words(sentence.text)
        if all(share(words, content_words(other.text)) < 0.6 for other in chosen):
            chosen.append(sentence)
        if len(chosen) == max(2, min(4, wanted)):
            break
    if len(chosen) < 2:
        return ""
    chosen.sort(key=lambda s: (s.block, s.index))
    return " ".join(capital(s.text[lead_length(s.text) :]) for s in chosen)


def standing(passage: Passage) -> list[Sentence]:
    """Sentences that can be read alone."""
    return [
        s
        for s in passage.sentences
        if is_key(s) and not announces(s.text) and not s.text.endswith("!") and not _leans(s)
    ]


def _leans(sentence: Sentence) -> bool:
    head = " ".join(straight(sentence.text).split()[:6])
    return bool({w.lower() for w in loose_words(head)} - {"we", "it"}) or sentence.text.startswith(
        ("I ", "You")
    )


def _centrality(passage: Passage, sentence: Sentence, pool: list[Sentence]) -> float:
    frequency = Counter(word for other in pool for word in content_words(other.text))
    words = content_words(sentence.text)
    weight = sum(frequency[word] - 1 for word in words) / (len(words) + 4)
    heading = content_words(passage.headings[sentence.block] + " " + passage.title)
    # Writers say what matters first; headings name it.
    early = 1.0 if sentence.index == 0 else 0.0
    return weight + 0.4 * early + 0.5 * len(words & heading) / (len(heading) or 1)
