"""Whether a text can be understood alone: the filter behind every question and answer."""

from __future__ import annotations

import re
from itertools import pairwise

from gristmill.models.extractive import verbs
from gristmill.models.extractive.grammar import Token, is_adverb, tokenize
from gristmill.models.extractive.lexicon import (
    DEMONSTRATIVES,
    DETERMINERS,
    FIRST_PERSON,
    KINDS,
    LOCAL_KINDS,
    PREPOSITIONS,
    SUBORDINATORS,
    UNIQUE,
)  # fmt: skip
from gristmill.models.extractive.overlap import content_words
from gristmill.models.extractive.passage import Passage, straight

# Places outside of the sentence: figures, chapters, "above", and the author talking.
_POINTER = re.compile(
    r"\b(?:Listing|Figure|Fig\.|Table|Chapter|Section|Appendix|Equation|Eq\.)\s+[\dA-Z][\d.\-]*\b"
    r"|\b(?:above|below|preceding|aforementioned|previously|earlier|the (?:former|latter|previous|"
    r"next|last) \w+|"
    r"as (?:shown|seen|mentioned|described|discussed|noted|explained)|so far|shown (?:on|in|"
    r"at|to) |later (?:in|on)|in (?:this|the next|our) \w+|"
    r"(?:discussed|mentioned|introduced|described|covered|explained) (?:in|earlier|before)"
    r"|[\"'] section|section of|"
    r"this (?:chapter|section|book|example|code|program|tutorial|page|document|error|line|"
    r"listing|output|message))\b"
    r"|\b(?:let's|let us|here's|we'll|we've|you'll (?:see|learn|find|notice)|I'll|we're|stay "
    r"tuned|see also)\b",
    re.I,
)
# "See the guide" answers nothing.
_SEE = re.compile(
    r"(?:^|, |[Pp]lease )[Ss]ee \w|\bsee (?:the |our |also |this )?(?:[A-Z\"`]|https?:)|\b[Cc]heck "
    r"out\b|\b[Hh]ead over\b|"
    r"\b[Cc]lick here\b|\brefer to the [\w ]*(?:documentation|guide|page|manual|docs)\b"
)
_FOLLOWING = re.compile(r"\bfollowing\b|\b(?:like|as) (?:so|this|follows)\b|\bhere\b", re.I)
# Traces of conversion: ids, template marks, table rules, long URLs.
_JUNK = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-|\{\{|\}\}|https?://\S{60,}|[|]{1}|\\|^\W*$|</?\w+>|\]\(|\[\d+\]|"
    r"_{3,}|\.{4,}|={3,}|\?\?"
)
# Openings that need the sentence before.
_DANGLING_START = re.compile(
    r"(?:it|its|they|their|this|that|these|those|he|she|his|her|there(?! (?:are|is|were|was)"
    r" )|here|such|both|another|"
    r"then|so|thus|hence|"
    r"therefore|otherwise|instead|likewise|similarly|again|also|and|but|or|nor|yet|however|"
    r"meanwhile|nevertheless|"
    r"conversely|consequently|furthermore|additionally|moreover|finally|next|first|second|third|after that|"
    r"in (?:other words|addition|contrast|short|fact|particular|that case|turn)|as (?:a result|"
    r"such|you can see|before)|"
    r"for (?:example|instance|this reason|that reason)|on the other hand|one|others?|neither|"
    r"either|each of)\b",
    re.I,
)
# After these, "that" points ("of that size"); elsewhere it mostly joins clauses.
_BEFORE_THAT = PREPOSITIONS | {
    "when",
    "if",
    "why",
    "does",
    "do",
    "is",
    "are",
    "can",
    "must",
    "should",
    "and",
    "how",
}
_LOOSE_WORDS = (
    frozenset(
        [
            "it",
            "they",
            "them",
            "he",
            "him",
            "she",
            "her",
            "hers",
            "theirs",
            "here",
            "following",
            "latter",
            "former",
        ]
    )
    | FIRST_PERSON
)


def points_elsewhere(text: str) -> bool:
    """Mentions something outside of the text: a figure, a chapter, "above", "we'll see"."""
    plain = straight(text)
    return bool(_POINTER.search(plain) or _SEE.search(plain))


def announces(text: str) -> bool:
    """Announces what comes next ("as follows", "like this", a colon at the end)."""
    return text.rstrip().endswith(":") or bool(_FOLLOWING.search(text))


def starts_dangling(text: str) -> bool:
    """Its first words lean on a sentence before."""
    return bool(_DANGLING_START.match(straight(text).lstrip("\"'(")))


def is_prose(text: str) -> bool:
    """A whole sentence of running text without debris."""
    letters = sum(char.isalpha() or char.isspace() for char in text)
    if not text or _JUNK.search(text) or len(text.split()) < 4 or letters < 0.7 * len(text):
        return False
    if not (text[0].isupper() or text[0] in "`\"“'‘(") or not re.search(r"[.!:][\"'”’)]*$", text):
        return False
    return balanced(text)


def balanced(text: str) -> bool:
    """Brackets, backticks and double quotes come in pairs."""
    pairs = [("(", ")"), ("[", "]"), ("{", "}"), ("“", "”")]
    bare = re.sub(r"`[^`]*`", "", text)
    even = bare.count('"') % 2 == 0 and "`" not in bare
    return even and all(bare.count(a) == bare.count(b) for a, b in pairs)


def stands_alone(passage: Passage, text: str) -> bool:
    """No pronoun, demonstrative or "the …" without a referent inside ``text`` (a question)."""
    return not loose_words(text) and not loose_definites(passage, text)


def loose_words(text: str) -> list[str]:
    """Words of a question that lean on a context the reader does not have."""
    tokens = [t for t in tokenize(text) if t.is_word]
    found = [t.text for t in tokens if t.low in _LOOSE_WORDS]
    for i, token in enumerate(tokens):
        before = tokens[i - 1].low if i else ""
        if token.low in DEMONSTRATIVES - {"that"} or (token.low == "that" and before in _BEFORE_THAT):
            found.append(token.text)
        if token.low in ("its", "their") and i < 4:
            found.append(token.text)
        if token.low in ("other", "another") and before not in ("each", "any", "all", "with", "than"):
            found.append(token.text)
    found += re.findall(r"\bthat \w+(?= (?:in|of|for|at|on|to|is|was|are)\b|[?,]|$)", text)
    if points_elsewhere(text) or "()" in re.sub(r"`[^`]*`", "", text):
        found.append("…")
    return found


def loose_definites(passage: Passage, text: str) -> list[tuple[int, int]]:
    """Ranges of the phrases "the …" that point at something introduced elsewhere."""
    tokens = tokenize(text)
    found = []
    for i, token in enumerate(tokens):
        phrase = _phrase(tokens, i) if token.low == "the" else []
        if token.low == "the" and not _anchored(tokens, i, phrase):
            found.append((token.start, phrase[-1].end if phrase else token.end))
    return found


def generalised(passage: Passage, text: str) -> str:
    """ "the hash map" made "a hash map" where the headings show that the passage is about any of them."""
    topics = content_words(" ".join((passage.title, *passage.heading_path, *passage.headings)))
    for start, end in reversed(loose_definites(passage, text)):
        noun = text[start:end].split(maxsplit=1)[-1]
        indefinite = re.search(
            rf"\b(an?) {re.escape(noun)}\b(?! [a-z]+s?\b [A-Z])", straight(passage.raw).replace("\n", " ")
        )
        if indefinite and content_words(noun) and content_words(noun) <= topics:
            article = "an" if noun[0].lower() in "aeio" else "a"
            text = f"{text[:start]}{article} {text[start + 4 :]}"
    return text


def _phrase(tokens: list[Token], i: int) -> list[Token]:
    j = i + 1
    while j < len(tokens) and _in_phrase(tokens, j):
        j += 1
    return tokens[i + 1 : j]


def _anchored(tokens: list[Token], i: int, phrase: list[Token]) -> bool:
    if not phrase:
        return False
    lows = {t.low for t in phrase}
    if any(t.is_code for t in phrase):
        pairs = pairwise(phrase)
        named = (phrase[0].is_code and len(phrase) > 1) or any(
            a.is_code and known_kind(b.low) for a, b in pairs
        )
        called = len(phrase) == 2 and known_kind(phrase[0].low)
        return (named or called) and not ({low.rstrip("s") for low in lows} & LOCAL_KINDS)
    capitals = [t.text[0].isupper() and not (t.text.isupper() and t is phrase[-1]) for t in phrase]
    if any(capitals) or lows & UNIQUE:
        return True
    if any(low.endswith("est") or low in ("same", "most", "least", "only", "best", "whole") for low in lows):
        return True
    j = i + 1 + len(phrase)
    following = tokens[j].low if j < len(tokens) else ""
    return following in ("of", "for", "between", "that", "which", "who", "whose")


def _in_phrase(tokens: list[Token], j: int) -> bool:
    token = tokens[j]
    if not token.is_word or token.low in PREPOSITIONS | SUBORDINATORS | DETERMINERS | {
        "and",
        "or",
        "to",
        "is",
        "are",
        "be",
    }:
        return False
    verb_only = verbs.is_verb(token.low) and not verbs.is_noun_like(token.low)
    finite = (
        verb_only and not token.low.endswith(("ing", "ed", "en")) and j > 0 and tokens[j - 1].low != "the"
    )
    return not finite and not (is_adverb(token.low) and token.low not in ("first", "second", "third"))


def made_up_name(passage: Passage, code: str) -> bool:
    """Whether a code name belongs to an example of the passage rather than to its subject."""
    bare = code.strip("`").rstrip("()!")
    name = re.escape(bare)
    made = (
        rf"\b(?:variables?|named|our|fields?|instances?|parameters?|arguments?) `{name}[`(]"
        rf"|`{name}[`(!]*` (?:variables?|fields?|instances?|parameters?|arguments?|structs?|modules?|"
        rf"values?)\b"
        rf"|\b(?:we|you|I)(?:'ll|'ve)? (?:define|declare|create|introduce|name|have|add|write)d? "
        rf"(?:[\w-]+ ){{0,5}}`{name}[`(]"
        rf"|\b(?:fn|let|let mut|struct|enum|mod|def|class|var|const|trait) {name}\b"
    )
    numbered = re.fullmatch(r"&?(?:mut )?(?:[a-z_]{2,}\d|(?![iuh]\d)[a-z]\d)", bare)
    return (
        bool(numbered) or (len(bare) <= 2 and bare.isalnum()) or bool(re.search(made, straight(passage.raw)))
    )


def made_up_names(passage: Passage, text: str) -> list[str]:
    """Code names of ``text`` that only an example of the passage knows."""
    return [code for code in re.findall(r"`[^`]+`", text) if made_up_name(passage, code)]


# Marks of a passage that walks through code of its own.
_WALK = re.compile(r"\bListing \d|\b[Oo]ur `|\bin (?:this|our) example\b|\bFilename:")
_IDENTIFIER = re.compile(r"`(?:[a-z]+_\w+|(?:[A-Z][a-z]+){2,})`(?! (?:macro|command|crate|keyword|flag))")


_OWN_TYPE = re.compile(r"\b(?:an?|our|my) `((?:[A-Z][a-z]+){2,})`(?! (?:macro|command|crate|trait|enum)\b)")
_BARE_IDENTIFIER = re.compile(
    r"(?<!method )(?<!function )(?<!macro )(?<!keyword )(?<!type )(?<!command )(?<!trait )(?<!crate )`[a-z]+`"
    r"(?! (?:macro|method|function|keyword|type|command|trait|crate|expression|operator|syntax|"
    r"statement|block|loop|clause|attribute|literal|tool|arm|branch|enum)s?\b)"
)


def walks_through(passage: Passage) -> bool:
    """Whether the passage works on an example of its own."""
    included = any(block.kind == "code" and not block.plain for block in passage.blocks)
    return included or bool(_WALK.search(passage.raw))


def example_names(passage: Passage, text: str) -> list[str]:
    """Identifiers in a text that are likely the own ones of an example in the passage."""
    headings = " ".join(
        (passage.title, *passage.heading_path, *(b.clean for b in passage.blocks if b.kind == "heading"))
    )
    found = _OWN_TYPE.findall(text)
    if walks_through(passage):
        found += _IDENTIFIER.findall(text) + _BARE_IDENTIFIER.findall(text)
    return [name for name in found if name.strip("`") not in headings]


def known_kind(word: str) -> bool:
    """Nouns such as "macro" or "command"."""
    return word.lower().rstrip("s") in KINDS
