"""What every reader does last: the title, the check that there is text, the record."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill_data.blocks import may_have_headings, parse

_CLOSING = re.compile(
    r"(?:summary|conclusions?|references|bibliography|further reading|see also|notes|appendix|"
    r"zusammenfassung|literatur|résumé|resumen|conclusión)\b",
    re.I,
)
_NUMBERED = re.compile(r"\d+(\.\d+)*\.?\s")


def make_document(
    uri: str, text: str, media_type: str, metadata: Mapping[str, Any] | None = None
) -> Document:
    """A document whose metadata has a ``title`` if there is one: given, or the one heading above all others.

    Raises:
        ReadError: ``empty`` when the text is blank.
    """
    if not text.strip():
        raise ReadError("empty", "there is no text in it")
    known = {key: value for key, value in (metadata or {}).items() if value not in (None, "", [], {})}
    title = str(known.get("title") or "").strip() or _heading_title(text)
    if title:
        known["title"] = " ".join(title.split())
    return Document.make(uri, text, media_type, known)


def _heading_title(text: str) -> str:
    """The first heading, when it stands above the rest of the text (and is no "1 Introduction")."""
    headings = parse(text).headings if may_have_headings(text) else ()
    if not headings or _NUMBERED.match(headings[0].title):
        return ""
    first, *others = headings
    equal = [h for h in others if h.level <= first.level and not _CLOSING.match(h.title)]
    end = equal[0].start if equal else len(text)
    return (
        first.title
        if end - first.start > len(text) / 3 and all(h.level >= first.level for h in others)
        else ""
    )
