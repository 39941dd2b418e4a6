"""OFFENSIVE WORDS: the list of the scorer ``toxicity``. This file holds slurs, insults, profanity, threats.

Small on purpose and written by hand: words whose other meanings are rare. Left out are words that are also
names, trades, animals, food or places, and terms that groups use of themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Literal

Harm = Literal["slur", "threat", "insult", "profanity"]

WEIGHTS: Mapping[Harm, float] = {"slur": 1.0, "threat": 1.0, "insult": 0.5, "profanity": 0.3}
"""Each word multiplies the value by one minus its weight."""

_PREFIXES: Mapping[Harm, str] = {
    "slur": "nigger faggot",
    "insult": "asshole arschloch arschlöcher",
    "profanity": "fuck motherfuck",
}
_WORDS: Mapping[Harm, str] = {
    "slur": "nigga niggas kike kikes wetback wetbacks tranny trannies untermensch untermenschen kanake "
    "kanaken maricón maricones sudaca sudacas frocio froci пидор пидоры жид жиды bougnoule "
    "bougnoules youpin youpins",
    "insult": "bitch bitches cunt cunts wanker wankers moron morons imbecile imbeciles dumbass "
    "dumbasses scumbag scumbags shithead shitheads dipshit hurensohn hurensöhne fotze wichser missgeburt "
    "vollidiot vollidioten connard connards connasse salope salopes enculé enculés abruti gilipollas "
    "hijoputa cabrón cabrones pendejo pendejos stronzo stronzi stronza puttana puttane coglione coglioni "
    "otário desgraçado klootzak klootzakken kutwijf мудак мудаки сука суки ублюдок ублюдки",
    "profanity": "shit shits shitty bullshit goddamn bollocks scheiße scheisse verfickt verfickte putain "
    "merde mierda joder coño cazzo minchia vaffanculo merda caralho porra kutzooi godverdomme блядь хуй "
    "хуйня пиздец 傻逼 操你妈 くそ死ね 씨발 개새끼",
}
_THREATS = (
    r"\b(?:go )?kill (?:yourself|urself)\b",
    r"\bI(?:['’]ll| will| am going to|['’]m going to) (?:kill|murder|rape|behead) (?:you|her|him)\b",
    r"\byou (?:all |both )?(?:ought to|should) (?:die|be (?:killed|hanged|gassed))\b",
    r"\b(?:you|they|he|she) (?:all |both )?deserves? to (?:die|be (?:killed|hanged|gassed))\b",
    r"\bich (?:bringe? dich um|werde dich (?:umbringen|töten))\b",
    r"\bje vais te tuer\b|\bte voy a matar\b|\bti ammazzo\b|\bvou te matar\b|я тебя убью",
)
THREATS = re.compile("|".join(_THREATS), re.IGNORECASE)


def _all(source: Mapping[Harm, str]) -> Iterator[tuple[str, Harm]]:
    for harm, words in source.items():
        for word in words.split():
            yield word.casefold().replace("ß", "ss"), harm


EXACT: Mapping[str, Harm] = dict(_all(_WORDS))
"""Whole words, folded, to what they are."""
BEGINNINGS: Mapping[str, Harm] = dict(_all(_PREFIXES))
"""Beginnings of words whose every form is meant."""
UNSPACED: Mapping[str, Harm] = {
    word: harm for word, harm in EXACT.items() if re.search("[\u3040-\u30ff\u3400-\u9fff]", word)
}
"""Words of scripts without spaces, to be found anywhere."""
