"""Words with a role of their own: those that say nothing about a question, and those that are numbers."""

from __future__ import annotations

_STOP = """
a an and are as at be been by can did do does for from had has have he her his how i if in into is
it its many much me more most my no not of on or our s she so t than that the their them then there
these they this those to was we were what when where which who why will with would you your
following statement statements true false answer question best correct except none all above below
option options
"""
STOPWORDS = frozenset(_STOP.split())
"""English function words and what every multiple-choice question says."""

_UNITS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS: dict[str, str] = {
    **{word: str(value) for value, word in enumerate(_UNITS.split())},
    **{word: str(value) for value, word in zip(range(20, 100, 10), _TENS.split(" "), strict=True)},
    "hundred": "100",
    "thousand": "1000",
    "million": "1000000",
}
