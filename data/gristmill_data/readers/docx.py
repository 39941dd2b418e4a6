"""What kreuzberg leaves out of Word files: the paragraph styled as the title, formulas inside a line."""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path
from typing import Any

from gristmill.errors import ReadError

_MAIN, _STYLES = "word/document.xml", "word/styles.xml"
_WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_TITLE_STYLES = re.compile(r'<w:style [^>]*w:styleId="([^"]+)"[^>]*>\s*<w:name w:val="[Tt]itle"')
_MAX_XML = 128 * 1024 * 1024


def prepared_docx(path: Path) -> tuple[bytes, str]:
    """The file with its inline formulas as text (``a/b``, ``x^2``), and its title ("" if none is styled so).

    Raises:
        ReadError: ``broken`` when it is no Word document.
    """
    from lxml import etree  # type: ignore[import-untyped]

    with zipfile.ZipFile(path) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if _MAIN not in members or members[_MAIN].file_size > _MAX_XML:
            raise ReadError("broken", f"not a Word document: no readable {_MAIN}")
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        try:
            root = etree.fromstring(archive.read(_MAIN), parser)
        except etree.XMLSyntaxError as error:
            raise ReadError("broken", f"damaged {_MAIN}: {error}") from error
        styles = (
            archive.read("word/styles.xml").decode("utf-8", "replace") if "word/styles.xml" in members else ""
        )
        title = _title(root, {"Title", *_TITLE_STYLES.findall(styles)})
        if not _write_out_formulas(root):
            return path.read_bytes(), title
        return _repacked(archive, etree.tostring(root, xml_declaration=True, encoding="UTF-8")), title


def _repacked(archive: zipfile.ZipFile, document: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as copy:
        for info in archive.infolist():
            copy.writestr(info.filename, document if info.filename == _MAIN else archive.read(info))
    return packed.getvalue()


def _title(root: Any, styles: set[str]) -> str:
    for style in root.iter(f"{_WORD}pStyle"):
        if style.get(f"{_WORD}val") in styles:
            paragraph = style.getparent().getparent()
            return "".join(text.text or "" for text in paragraph.iter(f"{_WORD}t")).strip()
    return ""


def _write_out_formulas(root: Any) -> bool:
    """Inline formulas become runs of text, in place; those on a line of their own are left for kreuzberg."""
    inline = [math for math in root.iter(f"{_MATH}oMath") if math.getparent().tag != f"{_MATH}oMathPara"]
    for math in inline:
        run = math.makeelement(f"{_WORD}r", {})
        text = math.makeelement(f"{_WORD}t", {"{http://www.w3.org/XML/1998/namespace}space": "preserve"})
        text.text = linear_formula(math)
        run.append(text)
        run.tail = math.tail
        math.getparent().replace(math, run)
    return bool(inline)


def linear_formula(element: Any) -> str:
    """A formula (OMML) on one line: ``(a + b)/c``, ``x^2``, ``√(x)``."""
    kind = element.tag.removeprefix(_MATH)
    if kind == "t":
        return (element.text or "").replace("\u2061", "")  # the invisible "function application"
    if kind.endswith("Pr") or not isinstance(element.tag, str):
        return ""
    parts = {child.tag.removeprefix(_MATH): linear_formula(child) for child in element}
    base = parts.get("e", "")
    below = f"_{_grouped(parts['sub'])}" if parts.get("sub") else ""
    above = f"^{_grouped(parts['sup'])}" if parts.get("sup") else ""
    if kind == "f":
        return f"{_grouped(parts.get('num', ''))}/{_grouped(parts.get('den', ''))}"
    if kind in {"sSup", "sSub", "sSubSup"}:
        return f"{_grouped(base)}{below}{above}"
    if kind == "rad":
        return f"√({base})" if not parts.get("deg") else f"({base})^(1/{parts['deg']})"
    if kind == "nary":
        return f"{_sign(element, 'chr', '∫')}{below}{above} {base}"
    body = "".join(linear_formula(child) for child in element)
    return f"{_sign(element, 'begChr', '(')}{body}{_sign(element, 'endChr', ')')}" if kind == "d" else body


def _sign(element: Any, name: str, default: str) -> str:
    found = element.find(f"./*/{_MATH}{name}")
    return default if found is None else str(found.get(f"{_MATH}val") or "")


def _grouped(text: str) -> str:
    return text if re.fullmatch(r"[\w.°]*|\(.*\)", text) else f"({text})"
