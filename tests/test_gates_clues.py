"""The short cuts of the cheap gates change no verdict: what they skip could not have matched."""

from __future__ import annotations

import functools
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.scripted_ask import item
from support.slow_rules import SLOW, plain, tokens, without_code

from gristmill.fence import defuse, restore
from gristmill_scorers import duplicates
from gristmill_scorers.checks import Clued, Limits, form, holds_any, markup, pii, speech, text, view
from gristmill_scorers.rules import RULES

TABLES = Path(__file__).parent / "data" / "gates"
EVERY = [chr(code) for code in range(sys.maxunicode + 1)]
CLUED: list[Clued] = [
    *(*speech._DECLINING, *speech._BOILERPLATE, *speech._TO_THE_JUDGE, *form._CONTEXT),
    *(*markup._DEBRIS, *markup._BLANKS, markup._CHAT_TOKEN),
]
JWT = "eyJhbGciOiJIUzI1NiJ9xx.eyJzdWIiOiJBbm5hIEtlc3NlbCJ9.dBjftJeZ4CVPmB92K27uhbUJU1p1r"
STRANGE = [
    *"İıſKẞßΣσςǰÅ’“–…٣４１\u2028\x85\r\n\t\u00a0|`~{}[]<>&@:.,-_!?()07",
    *("``", "```\n", "~~~", "{{", "::", " I ", "\r\n", "\ud800", "<|", "</s>", "=", "==", "!=", "%", "½"),
    *(JWT, ".eyJ", "eyJ-", "AKIAJ5Q7ZX3WV9TK2MNB", "10.9.8.7", "a::b", "[INST]", "<｜", "</ſ>", "[/ınst]"),
]
LOOKALIKE = [str.maketrans("ski", "ſKİ"), str.maketrans("iSK", "ıſK")]


@functools.cache
def phrases() -> list[str]:
    """All texts of the tables, positives and look-alikes."""
    found: list[str] = []
    for table in TABLES.glob("*.yaml"):
        for cases in yaml.safe_load(table.read_text(encoding="utf-8")).values():
            for row in (*cases["broken"], *cases["fine"]):
                found += [row] if isinstance(row, str) else row.values()
    return found


def mutated(chance: random.Random, known: list[str], words: str) -> str:
    """A text of the table after a few changes: cut, repeated, joined, in other letters."""
    for _ in range(chance.randrange(4)):
        at = chance.randrange(len(words) + 1)
        end = at + chance.randint(1, 40)
        before, after = words[:at], words[at:]
        words = chance.choice(
            [
                before + chance.choice(STRANGE) + after,
                before + words[end:],
                words.translate(chance.choice(LOOKALIKE)),
                chance.choice([words.upper(), words.lower(), words.title(), words.swapcase()]),
                f"{before} {chance.choice(known)} {after}",
                " ".join([words] * chance.randint(2, 8)),
                words[:end]
                + (chance.choice(["", " ", ", "]) + words[at:end]) * chance.choice([1, 3, 5, 10])
                + after,
            ]
        )[:9000]
    return words


def texts(seed: int, number: int, known: list[str]) -> Iterator[str]:
    chance = random.Random(seed)
    for _ in range(number):
        yield mutated(chance, known, chance.choice(known))


def disagreements(known: list[str], seed: int, number: int) -> list[tuple[str, str, str | None, str | None]]:
    chance, found = random.Random(seed), []
    for response in texts(seed, number, known):
        asked = mutated(chance, known, chance.choice([response, *phrases()]))
        passage = chance.choice(["A mill.", response, asked, response[:40]])
        seen = view(item(response, instruction=asked, passage=passage, rejected=response[::-1]), Limits())
        for rule, slow in SLOW.items():
            fast, expected = RULES[rule](seen), slow(seen)
            found += [(rule, response, fast, expected)] if fast != expected else []
    return found


def test_every_rule_but_lengths_and_language_has_its_slow_form() -> None:
    assert set(RULES) - set(SLOW) == {"too-short", "too-long", "language"}


def test_mutated_phrases_are_judged_alike() -> None:
    assert disagreements(phrases(), 1, 200) == []


@pytest.mark.shared
def test_real_sentences_are_judged_alike(shared: Path) -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted((shared / "documents").rglob("*.md"))]
    sentences = [part for page in pages for part in re.split(r"(?<=[.!?])\s+|\n\n", page) if part.strip()]
    assert len(sentences) > 1000
    assert disagreements([*sentences[::3], *phrases()], 2, 200) == []


def test_a_text_that_matches_holds_a_clue() -> None:
    matched = set()
    for words in (*phrases(), *texts(3, 3000, phrases())):
        for index, (pattern, clues) in enumerate(CLUED):
            if pattern.search(words):
                matched.add(index)
                assert holds_any(text.fold(words), clues), (pattern.pattern, words)
    assert len(matched) > 0.8 * len(CLUED), "the texts must try the patterns"


def test_personal_data_is_suspected_wherever_it_is_found() -> None:
    for words in (*phrases(), *texts(4, 3000, phrases())):
        suspected = pii.suspected(text.Text(words))
        for kind, finder in pii.FINDERS.items():
            assert not list(finder(words)) or kind in suspected, (kind, words)


def test_folding_finds_what_ignoring_case_finds() -> None:
    everything = "".join(EVERY)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        for char in re.findall(letter, everything, re.IGNORECASE):
            assert text.fold(char) == letter
    in_words = set(re.findall(r"\w", everything))
    for char in EVERY:
        assert len(text.fold(char)) == 1
        assert (char in in_words) == (text.fold(char) in in_words)
        for other in {char.lower(), char.upper(), char.casefold()} - {char}:
            # as a back reference compares
            if re.fullmatch(r"(.)\1", char + other, re.IGNORECASE | re.DOTALL):
                assert text.fold(char) == text.fold(other)


@pytest.mark.parametrize("letters", ["abcde.`~ \n", "`x", "a.,!=<>+/% 1’½"])
def test_random_strings_are_read_alike(letters: str) -> None:
    chance = random.Random(letters)
    for _ in range(4000):
        words = "".join(chance.choices(letters, k=chance.randint(0, 24)))
        assert text.without_code(words) == without_code(words)
        assert duplicates.plain(words) == plain(words)
        assert text.words_of(words) == re.findall(r"\w+", words.casefold())


def test_words_of_mutated_phrases_are_read_alike() -> None:
    for words in texts(5, 3000, phrases()):
        assert duplicates.plain(words) == plain(words)
        assert text.words_of(words) == re.findall(r"\w+", words.casefold())


def test_tokens_are_found_as_by_one_pattern() -> None:
    chance = random.Random(6)
    pieces = [*JWT.split("."), "eyJ", "-", ".", ".", " ", "é", JWT, "x" * 14]
    found = 0
    for _ in range(4000):
        words = "".join(chance.choices(pieces, k=chance.randint(1, 9)))
        assert [key for key in pii._keys(words) if key.startswith("eyJ")] == tokens(words)
        found += bool(tokens(words))
    assert found > 100


CHAT_TOKEN = r"<(?=\|[\w-]+\|>|/?s>|/?SYS>|(?:start|end)_of_turn>|[｜])|\[(?=/?INST\])"


def test_chat_tokens_are_broken_as_by_one_pattern() -> None:
    for words in (*STRANGE, *texts(7, 2000, [*phrases(), *STRANGE, "<<SYS>>", "<s>", "<End_of_turn>"])):
        expected = re.sub(CHAT_TOKEN, lambda found: found.group() + "\u200b", words, flags=re.IGNORECASE)
        assert defuse(words) == expected
        if "\u200b" not in words:
            assert restore(expected) == words.strip()
