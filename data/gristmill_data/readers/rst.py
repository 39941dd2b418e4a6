"""reStructuredText into markdown: roles, references and admonitions here, the rest by kreuzberg."""

from __future__ import annotations

import re

from gristmill_data.readers.convert import extract_bytes, tidy

_ROLE = re.compile(r"(?<![\w`]):(?:[\w+.-]+:)*[\w+.-]+:`([^`]+)`")
_TARGETED = re.compile(r"^[~!]?(.*?)\s*<[^<>]*>$", re.DOTALL)
_CODE_ROLES = re.compile(
    r":(?:\w+:)?(?:code|class|func|meth|mod|attr|data|obj|exc|file|option|literal|program|command)"
)
_LINK = re.compile(r"(?<![\w`])`([^`<]+?)\s*<[^`>]+>`__?")
_NAMED = re.compile(r"(?<![\w`])`([^`<>\n]+)`__?(?!\w)")
_SUBSTITUTION = re.compile(r"(?<![\w|])\|([^|\s](?:[^|\n]*[^|\s])?)\|_{0,2}(?![\w|])")
_ADMONITIONS = "note|warning|tip|important|caution|attention|danger|error|hint|seealso"
_ADMONITION = re.compile(
    rf"^([ \t]*)\.\.[ \t]+({_ADMONITIONS})::[ \t]*(.*)((?:\n(?:\1[ \t]+\S.*|[ \t]*$))*)", re.M
)
_VERSION = re.compile(r"^([ \t]*)\.\.[ \t]+(versionadded|versionchanged|deprecated)::[ \t]*(.*)$", re.M)
_SILENT = re.compile(
    r"^([ \t]*)\.\.[ \t]+(?:contents|toctree|index|highlight|currentmodule|module|include|image|meta|raw)::.*"
    r"(?:\n(?:\1[ \t]+\S.*|[ \t]*$))*",
    re.M,
)
_ITEM = re.compile(r"^[ \t]*(?:[-*+•]|\(?\d+[.)]|#\.)[ \t]+(?=\S)")
_LITERAL_LEAD = re.compile(r"(?<=[^\s:])::[ \t]*$", re.M)


def rst_to_markdown(text: str) -> str:
    """Headings by the order of their adornments, code blocks fenced, tables as markdown tables."""
    text = _SILENT.sub("", text)
    text = _ADMONITION.sub(_admonition, text)
    text = _VERSION.sub(lambda m: f"{m[1]}{m[2].capitalize()} {m[3]}", text)
    text = join_wrapped(_inline(text))
    # the converter drops the colon of "as follows::" together with the marker
    text = _LITERAL_LEAD.sub(":\n\n::\n", text)
    return tidy(extract_bytes(text.encode(), "text/x-rst").content)


def join_wrapped(text: str) -> str:
    """List items and definitions on one line each, interactive sessions as literal blocks.

    The converter takes the second line of an item for a paragraph of its own.
    """
    done: list[str] = []
    in_session = False
    column = 0  # where the text of the item begins that is being continued, 0 outside
    for line in text.split("\n"):
        item = _ITEM.match(line)
        indent = len(line) - len(line.lstrip())
        before = done[-1] if done else ""
        if item or not line.strip():
            column = item.end() if item else 0
        elif column and indent >= column:
            done[-1] += " " + line.strip()
            continue
        elif _is_term(done, indent):
            done[-1], column = f"**{before.strip()}:** {line.strip()}", 1
            continue
        elif line.startswith(">>> ") and not before.strip():
            done += ["::", ""]
            column, in_session = 0, True
        in_session = in_session and bool(line.strip())
        done.append("    " + line if in_session else line)
    return "\n".join(done)


def _is_term(done: list[str], indent: int) -> bool:
    """The line before is the term of a definition: alone after an empty line, at the margin."""
    if not indent or not done or not done[-1].strip() or done[-1][0].isspace():
        return False
    is_alone = len(done) < 2 or not done[-2].strip()
    return is_alone and not done[-1].startswith((".. ", "|", "+", ">>>", "..")) and not done[-1].endswith(":")


def _inline(text: str) -> str:
    """Outside literals, every reference gives way to the words a reader sees."""
    parts = re.split(r"(``.+?``)", text)
    return "".join(part if part.startswith("``") else _references(part) for part in parts)


def _references(text: str) -> str:
    text = _ROLE.sub(_role, text)
    text = _NAMED.sub(r"\1", _LINK.sub(r"\1", text))
    return _SUBSTITUTION.sub(r"\1", text)


def _role(match: re.Match[str]) -> str:
    body = match.group(1)
    targeted = _TARGETED.match(body)
    words = targeted.group(1) if targeted else body.lstrip("!")
    if words.startswith("~"):
        words = words.rsplit(".", 1)[-1].lstrip("~")
    return f"``{words}``" if _CODE_ROLES.match(match.group()) else words


def _admonition(match: re.Match[str]) -> str:
    indent, kind, first, rest = match.groups()
    body = " ".join([first, *rest.split()]).strip()
    label = "See also" if kind == "seealso" else kind.capitalize()
    return f"{indent}**{label}:** {body}\n\n"
