"""Bytes of unknown encoding into text, and what kind of trouble a file is."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from gristmill.errors import ReadError

MAX_BYTES = 256 * 1024 * 1024
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_COMMON = (
    *("cp1252", "cp932", "gb18030", "euc_kr", "big5", "euc_jp"),
    *("cp1251", "koi8_r", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256"),
)
_MAX_CHAOS = 0.02
_SAMPLE = 256 * 1024
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b\b")


def read_bytes(path: Path) -> bytes:
    """The content of a file that is read as a whole.

    Raises:
        ReadError: ``empty``, ``too-large``, or ``unreadable`` (permissions, vanished, not a file).
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ReadError("too-large", f"{size:,} bytes; the limit is {MAX_BYTES:,}", cure="split the file")
        data = path.read_bytes()
    except OSError as error:
        raise ReadError("unreadable", error.strerror or str(error)) from error
    if not data.strip(b"\0 \t\r\n"):
        raise ReadError("empty", "the file has no content")
    return data


def read_text(path: Path) -> str:
    """A text file decoded, with newlines as ``\\n`` and without a byte order mark.

    Raises:
        ReadError: also ``binary`` and ``undecodable``.
    """
    data = read_bytes(path)
    return normalized(decode(data))


def normalized(text: str) -> str:
    """Newlines as ``\\n``, composed characters, no NUL and no byte order mark."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").removeprefix("\ufeff")
    return unicodedata.normalize("NFC", text)


def decode(data: bytes) -> str:
    """Decode by :func:`detect_encoding`.

    Raises:
        ReadError: ``binary`` or ``undecodable``.
    """
    encoding = detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ReadError("undecodable", f"not {encoding} after byte {error.start:,}") from error


def detect_encoding(data: bytes) -> str:
    """Name of the encoding: a byte order mark, else UTF-8 if it fits, else what the bytes look like.

    Raises:
        ReadError: ``binary`` (no text at all) or ``undecodable`` (no known encoding fits).
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return encoding
    if is_binary(data):
        raise ReadError("binary", "the file is not text")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        # a sample may end inside a character
        return "utf-8" if error.start > len(data) - 4 and error.end == len(data) else _guess(data)
    return "utf-8"


def _guess(data: bytes) -> str:
    from charset_normalizer import from_bytes

    # left to itself it likes rare encodings that decode the same bytes
    common = from_bytes(data[:_SAMPLE], cp_isolation=list(_COMMON))
    fits = [match for match in common if match.chaos <= _MAX_CHAOS]
    best = (
        min(fits, key=lambda m: (-m.coherence, _rank(m.encoding)))
        if fits
        else from_bytes(data[:_SAMPLE]).best()
    )
    if best is None:
        raise ReadError("undecodable", "no known text encoding fits", cure="save the file as UTF-8")
    return best.encoding


def _rank(encoding: str) -> int:
    return _COMMON.index(encoding) if encoding in _COMMON else len(_COMMON)


def is_binary(data: bytes) -> bool:
    """Whether the first 8 KB hold NUL bytes or more than a few control characters."""
    head = data[:8192]
    controls = sum(1 for byte in head if byte < 32 and byte not in _TEXT_CONTROLS)
    return b"\0" in head or controls > len(head) // 50
