"""Personal data and secrets, by form and checksum.

It does not matter that the source holds them too: an address that stands in a document is exactly what
must not be learned. What is reserved for examples is let through: reserved domains, 555-01xx numbers,
documentation and private IP ranges, published test cards and accounts. Details are masked.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping

from gristmill_scorers.checks import View, holds_any
from gristmill_scorers.checks.text import Text

Finder = Callable[[str], Iterator[str]]

_EMAIL = re.compile(r"(?<![\w.+-])[A-Za-z0-9][\w.+-]*@((?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,})\b")
_EXAMPLE_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|org|net|edu)|(?:[\w-]+\.)?(?:example|test|invalid|localhost))$",
    re.IGNORECASE,
)
# mailboxes that belong to machines
_NO_PERSON = frozenset(["noreply", "no-reply", "donotreply", "git"])
_PHONE = re.compile(
    r"(?<![\w.+/-])(?:\+\d{1,3}[ .-]?(?:\(0?\d{1,4}\)[ .-]?)?\d(?:[ .-]?\d){6,12}"
    r"|\(?[2-9]\d{2}\)?[ .-][2-9]\d{2}[ .-]\d{4})(?![\w-]|\.\d)"
)
_SPOKEN_PHONE = re.compile(
    r"\b(?:tel|phone|telephone|mobile|cell|fax|call|telefon|fon)\b\W{0,5}(?:us |me |at |on |no |number |"
    r"is )*\W{0,3}"
    r"(\(?\+?\d(?:[ ()./-]*\d){6,13})(?!\d)",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<![\w.-])(?:\d[ -]?){12,18}\d(?![\w-])")
_TEST_CARDS = (
    "4111111111111111 4242424242424242 4000056655665556 4012888888881881 5555555555554444 "
    "5105105105105100 2223003122003222 378282246310005 371449635398431 6011111111111117 "
    "6011000990139424 3530111333300000 30569309025904 38520000023237"
)
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b")
_EXAMPLE_IBANS = (
    "GB82WEST12345698765432 GB29NWBK60161331926819 GB33BUKB20201555555555 DE89370400440532013000 "
    "FR1420041010050500013M02606 ES9121000418450200051332 NL91ABNA0417164300 CH9300762011623852957"
)
_SSN = re.compile(r"(?<![\w-])(?!000|666|9\d\d)(\d{3})-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_EXAMPLE_SSNS = frozenset(["078-05-1120", "219-09-9999", "123-45-6789", "111-11-1111"])
_IP4 = re.compile(r"(?<![\w.:/-])(?:\d{1,3}\.){3}\d{1,3}(?![\w-]|\.\d)")
_IP6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:|:)(?:[0-9A-Fa-f]{0,4}:){1,6}[0-9A-Fa-f]{1,4}(?![\w:])")
# what every address holds and few other texts do, found without a look at each character
_IP4_INSIDE = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
_IP6_INSIDE = re.compile(r":(?::[0-9A-Fa-f]{1,4}+(?!\w)|(?:[0-9A-Fa-f]{1,4}:){6}[0-9A-Fa-f])")
_VERSION = re.compile(r"(?:version|release|\bv|build|section|chapter)\.?\s*$", re.IGNORECASE)
_WELL_KNOWN_IPS = frozenset(["8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9"])
_KEYS = re.compile(
    r"\b(?:sk-(?:proj-|ant-)?[A-Za-z0-9_-]{20,}|gh[pousr]_[A-Za-z0-9]{30,}|github_pat_\w{30,}|"
    r"AKIA[0-9A-Z]{16}|"
    r"xox[abprs]-[\w-]{20,}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30,}|glpat-[\w-]{20,}|[rs]k_live_[A-Za-z0-9]{20,})"
)
# a JSON web token, in three parts: as one pattern it reads a long text again from each of its words
_TOKEN_PART = re.compile(r"[\w-]++")
_TOKEN_HEAD = re.compile(r"\beyJ(?=[\w-]{15})")
_TOKEN_REST = re.compile(r"\.eyJ[\w-]{15,}+\.[\w-]{20,}")
_KEY_BLOCK = re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+(?:[A-Za-z0-9+/=]{40,}\s*)+")


def _emails(text: str) -> Iterator[str]:
    for match in _EMAIL.finditer(text):
        user = match.group().partition("@")[0].lower()
        if not _EXAMPLE_DOMAIN.search(match.group(1)) and user not in _NO_PERSON:
            yield match.group()


def _phones(text: str) -> Iterator[str]:
    found = [match.group() for match in _PHONE.finditer(text)]
    found += [match.group(1) for match in _SPOKEN_PHONE.finditer(text)]
    for number in found:
        digits = re.sub(r"\D", "", number)
        # 555-0100 to 555-0199 are set aside for fiction
        fictional = re.search(r"55501\d\d$", digits) or len(set(digits)) < 4
        if 7 <= len(digits) <= 15 and not fictional and digits not in "01234567890123456789":
            yield number


def luhn(digits: str) -> bool:
    """The checksum of payment cards (ISO/IEC 7812)."""
    total = 0
    for index, char in enumerate(reversed(digits)):
        value = int(char) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def _cards(text: str) -> Iterator[str]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        # the checksum alone passes every tenth number, so the issuer's prefix must fit too
        issuer = re.match(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5)|35|30|36|38", digits)
        if issuer and luhn(digits) and digits not in _TEST_CARDS.split() and len(set(digits)) > 2:
            yield match.group()


def iban_valid(account: str) -> bool:
    """The checksum of bank accounts (ISO 13616, modulo 97)."""
    plain = account.replace(" ", "")
    if not 15 <= len(plain) <= 34:
        return False
    return int("".join(str(int(char, 36)) for char in plain[4:] + plain[:4])) % 97 == 1


def _ibans(text: str) -> Iterator[str]:
    for match in _IBAN.finditer(text):
        if match.group().replace(" ", "") not in _EXAMPLE_IBANS.split() and iban_valid(match.group()):
            yield match.group()


def _ssns(text: str) -> Iterator[str]:
    return (m.group() for m in _SSN.finditer(text) if m.group() not in _EXAMPLE_SSNS)


def _ips(text: str) -> Iterator[str]:
    four = _IP4.finditer(text) if _IP4_INSIDE.search(text) else ()
    six = _IP6.finditer(text) if _IP6_INSIDE.search(text) else ()
    for match in (*four, *six):
        # four-part version numbers look like addresses
        if match.group() in _WELL_KNOWN_IPS or _VERSION.search(
            text[max(0, match.start() - 12) : match.start()]
        ):
            continue
        try:
            address = ipaddress.ip_address(match.group())
        except ValueError:
            continue
        if address.is_global and not address.is_multicast:
            yield match.group()


def _api_keys(text: str) -> Iterator[str]:
    for key in _keys(text):
        # documentation is full of keys that are none
        made_up = re.search(r"example|your|xxxx|\.\.\.|1234567", key, re.IGNORECASE)
        if not made_up and len(set(key)) >= 12 and re.search(r"\d", key):
            yield key
    yield from (match.group() for match in _KEY_BLOCK.finditer(text))


def _keys(text: str) -> Iterator[str]:
    """Keys and tokens from left to right, none within another."""
    found = dict(match.span() for match in _KEYS.finditer(text))
    for part in _TOKEN_PART.finditer(text) if _TOKEN_REST.search(text) else ():
        rest = _TOKEN_REST.match(text, part.end())
        head = _TOKEN_HEAD.search(text, part.start(), part.end()) if rest else None
        if rest and head:
            found.setdefault(head.start(), rest.end())
    end = 0
    for start in sorted(found):
        if start >= end:
            end = found[start]
            yield text[start:end]


FINDERS: Mapping[str, Finder] = {
    "email": _emails,
    "phone": _phones,
    "card": _cards,
    "iban": _ibans,
    "ssn": _ssns,
    "ip": _ips,
    "api-key": _api_keys,
}


_NO_DIGIT = bytes(b for b in range(256) if b not in b"0123456789")
_DIGITS = re.compile(r"\d+")
_IBAN_START = re.compile(r"[A-Z]{2}\d\d")
_KEY_CLUES = ("sk-", "akia", "xox", "aiza", "glpat-", ".eyj", "-----begin ")
_LOW_LINE_CLUES = ("github_pat_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "hf_", "k_live_")


def suspected(text: Text) -> list[str]:
    """The kinds that the text may hold: all others lack what their form needs (``@``, digits, a prefix)."""
    raw, low = text.raw, text.low
    digits = len(text.ascii.translate(None, _NO_DIGIT))
    if len(text.ascii) != len(raw):
        digits = sum(map(len, _DIGITS.findall(raw)))
    kinds = ["email"] if "@" in raw else []
    if digits >= 2:
        kinds += _in_digits(raw, digits)
    if _IP6_INSIDE.search(raw):
        kinds.append("ip")
    if holds_any(low, _KEY_CLUES) or ("_" in raw and holds_any(low, _LOW_LINE_CLUES)):
        kinds.append("api-key")
    return kinds


def _in_digits(raw: str, digits: int) -> list[str]:
    kinds = ["iban"] if _IBAN_START.search(raw) else []
    if digits >= 4 and _IP4_INSIDE.search(raw):
        kinds.append("ip")
    if digits >= 7:
        kinds.append("phone")
    if digits >= 9 and raw.count("-") >= 2:
        kinds.append("ssn")
    if digits >= 13:
        kinds.append("card")
    return kinds


def pii(view: View) -> str | None:
    """Personal data or a secret in any text of the example."""
    for _, kind, found in secrets(view):
        return f"{kind} {masked(found)}"
    return None


def secrets(view: View) -> Iterator[tuple[int, str, str]]:
    """Personal data with its kind and the number of its text, kind by kind."""
    suspects = [(n, text.raw, kinds) for n, text in enumerate(view.texts) if (kinds := suspected(text))]
    for kind, finder in FINDERS.items() if suspects else ():
        if kind in view.limits.pii_allowed:
            continue
        for number, text, kinds in suspects:
            for found in finder(text) if kind in kinds else ():
                yield number, kind, found


def masked(secret: str) -> str:
    """Its first character and its length: enough to find it, too little to leak it."""
    return f"{secret.strip()[:1]}… ({len(secret.strip())} characters)"
