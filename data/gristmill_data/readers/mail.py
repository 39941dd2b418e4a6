"""Mail: eml through the standard library, Outlook's msg through kreuzberg."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill.registry import Reader
from gristmill_data.readers.convert import extract_file, known, tidy
from gristmill_data.readers.decoding import normalized, read_bytes
from gristmill_data.readers.documents import make_document

_HEADER_LINE = re.compile(r"^\*\*(?:Subject|From|To|Cc|CC|Bcc|BCC|Date)\*\*:.*\n*", re.M)


class MailReader(Reader):
    """Mail (eml, msg): subject, sender, recipients, date, then the body; attachments by name only."""

    suffixes: ClassVar[tuple[str, ...]] = (".eml", ".msg")

    def read(self, path: Path, uri: str) -> Iterator[Document]:
        """One document a message."""
        is_eml = path.suffix.lower() == ".eml"
        headers, body, metadata = _eml(read_bytes(path)) if is_eml else _msg(path)
        lines = [f"**{name}:** {value}" for name, value in headers.items() if value]
        subject = metadata.get("title", "")
        parts = [f"# {subject}" if subject else "", "  \n".join(lines), body.strip("\n")]
        text = "\n\n".join(part for part in parts if part) + "\n"
        yield make_document(uri, text, "message/rfc822" if is_eml else "application/vnd.ms-outlook", metadata)


def _eml(data: bytes) -> tuple[dict[str, str], str, dict[str, Any]]:
    message = message_from_bytes(data, policy=policy.default)
    if not message.keys() or not isinstance(message, EmailMessage):
        raise ReadError("broken", "not a mail message: it has no headers")
    headers = {name: " ".join(str(message.get(name, "")).split()) for name in ("From", "To", "Cc", "Date")}
    attachments = [name for part in message.iter_attachments() if (name := part.get_filename())]
    metadata = {"title": " ".join(str(message.get("Subject", "")).split()), "attachments": attachments}
    return headers, _body(message), metadata


def _body(message: EmailMessage) -> str:
    """The plain text of a message, or its HTML when it has nothing else."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    try:
        content = str(part.get_content())
    except (LookupError, ValueError, KeyError) as error:
        raise ReadError("undecodable", f"the body cannot be decoded: {error}") from error
    if part.get_content_subtype() != "html" or not content.strip():
        return normalized(content)
    from gristmill_data.readers.html import html_to_markdown

    return html_to_markdown(content)[0]


def _msg(path: Path) -> tuple[dict[str, str], str, dict[str, Any]]:
    result = extract_file(path)
    found = result.metadata
    headers = {
        "From": str(found.get("from_email") or ""),
        "To": ", ".join(found.get("to_emails") or []),
        "Cc": ", ".join(found.get("cc_emails") or []),
        "Date": str(found.get("created_at") or ""),
    }
    metadata = known(found, "attachments") | {"title": found.get("subject") or ""}
    return headers, _HEADER_LINE.sub("", tidy(result.content)), metadata
