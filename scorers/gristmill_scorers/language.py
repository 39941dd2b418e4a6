"""Which language a text is in, from its script and its commonest words; no model and no download.

Good for whole sentences: the share of very common words tells seven European languages apart, scripts
tell the others. Where it cannot tell (short, all code, two languages alike) it says so with None.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping

COMMON: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split())
    for language, words in {
        "en": "the of and to in is that it for was on are as with be at this have from or by not but which "
        "you an they were their has its when can will if more so there been what your we how does do",
        "de": "der die das und ist ein eine nicht von zu mit den auf für im dem es sich werden auch als wird "
        "sind bei oder aus nach wie einer eines zum zur man nur noch wenn durch kann über hat dass ich wir",
        "fr": "le la les de des et est un une que qui dans pour pas sur avec ce il elle sont au aux par plus "
        "ne se sa son ses ou mais cette nous vous être fait comme lorsque peut dont leur été ils",
        "es": "el la los las de y que en un una es por con para no se del al lo como más pero sus su este "
        "esta son cuando también muy hay puede ha fue sin sobre ser entre todo desde porque",
        "it": "il lo la gli le di e che è un una per con non del della in si al dei nel come più ma anche "
        "sono alla quando questo questa da può essere viene delle dalla sul perché loro ogni dove",
        "pt": "o os as de e que em um uma é por com para não se do da no na ao mais como mas dos das são "
        "quando também pelo pela pode foi ser sem sobre este esta isso você seu sua já ou entre",
        "nl": "de het een en van is dat op te in zijn met voor niet aan er om ook als bij naar wordt dan "
        "maar deze door of nog worden hij kan uit over wat meer wel geen moet heeft hebben dit",
    }.items()
}
_SCRIPTS: Mapping[str, str] = {
    "ja": r"[\u3040-\u30ff]",
    "zh": r"[\u4e00-\u9fff]",
    "ko": r"[\uac00-\ud7af]",
    "ru": r"[\u0400-\u04ff]",
    "el": r"[\u0370-\u03ff]",
    "he": r"[\u0590-\u05ff]",
    "ar": r"[\u0600-\u06ff]",
    "hi": r"[\u0900-\u097f]",
    "th": r"[\u0e00-\u0e7f]",
}
LANGUAGES: tuple[str, ...] = (*COMMON, *_SCRIPTS)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")


def detect(text: str) -> str | None:
    """ISO 639-1 code of the text's language (one of :data:`LANGUAGES`), or None when it cannot tell.

    Code and links are left out. A script stands for its most usual language (Cyrillic for ``ru``).
    """
    prose = _CODE.sub(" ", text)
    letters = len(_LETTER.findall(prose))
    for language, pattern in _SCRIPTS.items():
        share = len(re.findall(pattern, prose)) / letters if letters else 0.0
        # Japanese is written with Chinese characters too; a fifth of kana settles it
        if share > (0.2 if language == "ja" else 0.5):
            return language
    return _by_words(re.findall(r"[^\W\d_]+", prose.casefold()))


def _by_words(words: list[str]) -> str | None:
    # four words hold too few common ones to tell
    if len(words) < 5:
        return None
    hits = Counter({lang: sum(word in common for word in words) for lang, common in COMMON.items()})
    (best, most), (_, second) = hits.most_common(2)
    # Spanish and Portuguese share many small words: the best must lead clearly
    clear = most >= 2 and most / len(words) >= 0.12 and most >= 1.3 * second
    return best if clear else None
