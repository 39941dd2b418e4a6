"""The door to kreuzberg: files and bytes into markdown, its failures into reason slugs.

No OCR (it would download models), no cache on disk, a time limit, and a look at archives before they are
opened: a hostile zip is refused by what its directory says it unpacks to.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gristmill.errors import ReadError
from gristmill_data.readers.decoding import normalized, read_bytes
from gristmill_data.readers.markdown import outside_inline_code, split_code, strip_links

if TYPE_CHECKING:
    from kreuzberg import ExtractionResult

MAX_UNPACKED = 1024 * 1024 * 1024
MAX_RATIO = 200
TIMEOUT_SECONDS = 300
_ENCRYPTED = re.compile(r"encrypt|password|decrypt", re.I)
_OLE_MAGIC = b"\xd0\xcf\x11\xe0"
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
_RULE = re.compile(r"^[ \t]*\\?(?:[-=_*~#]\s*){5,}$")
_NOTHING = frozenset({"", "untitled", "unspecified", "anonymous", "unknown"})
_BARE_URL = re.compile(r"<((?:https?|ftp)://[^\s<>]+)>")
_DELIMITER = re.compile(r"^\s*\|[\s|:-]+\|?$")
_STRUCTURAL_START = re.compile(r"^(\s*)\\([#>+\-=])(?=\s|[#>+\-=])")


def extract_file(path: Path, output: str = "markdown", **options: Any) -> ExtractionResult:
    """kreuzberg's reading of a file.

    Raises:
        ReadError: ``empty``, ``encrypted``, ``too-large``, ``timeout`` or ``broken``.
    """
    head = read_bytes(path)[:8]
    if head.startswith(b"PK"):
        _check_archive(path)
    return _guarded(
        lambda kreuzberg, config: kreuzberg.extract_file_sync(str(path), config=config), output, options
    )


def extract_bytes(data: bytes, media_type: str, output: str = "markdown") -> ExtractionResult:
    """The same for bytes of a known media type."""
    return _guarded(
        lambda kreuzberg, config: kreuzberg.extract_bytes_sync(data, media_type, config=config), output, {}
    )


def _guarded(
    extract: Callable[[Any, Any], ExtractionResult], output: str, options: Mapping[str, Any]
) -> ExtractionResult:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(  # type: ignore[call-arg]  # its stub is behind
        output_format=output,
        use_cache=False,
        disable_ocr=True,
        extraction_timeout_secs=TIMEOUT_SECONDS,
        **options,
    )
    try:
        return extract(kreuzberg, config)
    except kreuzberg.ExtractionTimeoutError as error:
        raise ReadError("timeout", f"took longer than {TIMEOUT_SECONDS} s") from error
    except kreuzberg.KreuzbergError as error:
        message = str(error)
        reason = "encrypted" if _ENCRYPTED.search(message) else "broken"
        raise ReadError(reason, message) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # a Rust panic is not an Exception
            raise
        raise ReadError("broken", f"the converter crashed: {error}") from error


def check_office_container(path: Path) -> None:
    """Refuse what cannot be an Office file of the zip family.

    Raises:
        ReadError: ``encrypted`` (Office wraps encrypted files in an OLE container), ``empty`` or ``broken``.
    """
    head = read_bytes(path)[:4]
    if head == _OLE_MAGIC:
        raise ReadError("encrypted", "the file is protected by a password", cure="save it without a password")
    if not zipfile.is_zipfile(path):
        raise ReadError("broken", "not a valid file of its type (damaged or cut off)")
    _check_archive(path)


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ReadError("broken", f"damaged archive: {error}") from error
    if any(member.flag_bits & 0x1 for member in members):
        raise ReadError("encrypted", "the file is protected by a password", cure="save it without a password")
    unpacked = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members) or 1
    if unpacked > MAX_UNPACKED or (unpacked > 64 * 1024 * 1024 and unpacked / packed > MAX_RATIO):
        raise ReadError("too-large", f"unpacks to {unpacked:,} bytes from {packed:,}")


def tidy(markdown: str) -> str:
    """Converter output as one would write it: no needless escapes, no link targets, no ruled lines."""
    parts = split_code(normalized(markdown))
    text = "".join(part if is_code else _tidy_prose(part) for is_code, part in parts)
    return text.strip("\n") + "\n" if text.strip() else ""


def _tidy_prose(text: str) -> str:
    text = outside_inline_code(text, lambda prose: unescape(strip_links(prose)))
    text = _BARE_URL.sub(r"\1", text)
    lines = [_compact(line.rstrip()) for line in text.split("\n") if not _RULE.match(line) or "|" in line]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines))


def _compact(line: str) -> str:
    """A table row without the padding that lines up its columns."""
    if not line.lstrip().startswith("|"):
        return line
    return re.sub(r"-{4,}", "---", line) if _DELIMITER.match(line) else re.sub(r"[ \t]{2,}", " ", line)


def unescape(text: str) -> str:
    """Take away the backslashes that a converter put before punctuation, where they do not carry meaning."""
    return "\n".join(_unescape_line(line) for line in text.split("\n"))


def _unescape_line(line: str) -> str:
    start = _STRUCTURAL_START.match(line)
    kept = line[: start.end()] if start else ""
    in_table = line.lstrip().startswith("|")

    def plain(match: re.Match[str]) -> str:
        return match.group() if match.group(1) in ("|\\`" if in_table else "\\`") else match.group(1)

    return kept + _ESCAPE.sub(plain, line[len(kept) :])


def known(metadata: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """The named metadata that say something (converters fill in "untitled", "(anonymous)" and the like)."""
    found = {name: metadata.get(name) for name in names}
    lists = {k: [item for item in v if _says(item)] if isinstance(v, list) else v for k, v in found.items()}
    return {k: v for k, v in lists.items() if _says(v)}


def _says(value: Any) -> bool:
    return bool(value) and str(value).strip("() ").lower() not in _NOTHING
