"""Every format, generated here, through the real readers; and every kind of trouble as a failure row."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen import canvas

from gristmill.records import Document, FileFailure
from gristmill_data.readers import read_sources
from gristmill_data.readers.convert import MAX_RATIO

CELLS = "| Cone | Degrees |\n| --- | --- |\n| 6 | 1222 |\n"


def read(path: Path) -> list[Document | FileFailure]:
    return list(read_sources([path.name], path.parent))


def read_one(path: Path) -> Document:
    (document,) = read(path)
    assert isinstance(document, Document), document
    return document


def failure(path: Path) -> FileFailure:
    (result,) = read(path)
    assert isinstance(result, FileFailure), result
    return result


def write_docx(path: Path) -> None:
    document = docx.Document()
    document.add_heading("Firing a kiln", level=0)
    document.add_heading("Cones", level=1)
    document.add_paragraph("A cone bends when it is hot enough! See #6.")
    table = document.add_table(rows=0, cols=2)
    for row in (("Cone", "Degrees"), ("6", "1222")):
        for cell, text in zip(table.add_row().cells, row, strict=True):
            cell.text = text
    document.save(str(path))


def write_pdf(path: Path, lines: list[list[str]], encrypt: StandardEncryption | None = None) -> None:
    page = canvas.Canvas(str(path), pagesize=A4, encrypt=encrypt)
    for number, content in enumerate(lines, start=1):
        y = 800
        for line in content:
            heading = line.startswith("# ")
            page.setFont("Helvetica-Bold" if heading else "Helvetica", 20 if heading else 10)
            page.drawString(60, y, line.removeprefix("# "))
            y -= 34 if heading else 13
        page.setFont("Helvetica", 8)
        page.drawString(280, 30, f"Page {number} of {len(lines)}")
        page.showPage()
    page.save()


def zipped(path: Path, members: dict[str, str]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)


def test_word_keeps_title_headings_tables_and_plain_punctuation(tmp_path: Path) -> None:
    write_docx(tmp_path / "kiln.docx")
    document = read_one(tmp_path / "kiln.docx")
    assert document.metadata["title"] == "Firing a kiln"
    assert "A cone bends when it is hot enough! See #6." in document.text
    assert "Cones\n" in document.text
    assert CELLS in document.text


def test_word_keeps_formulas_that_stand_inside_a_line(tmp_path: Path) -> None:
    write_docx(tmp_path / "kiln.docx")
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    formula = (
        f'<m:oMath xmlns:m="{math}"><m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num>'
        "<m:den><m:r><m:t>c</m:t></m:r></m:den></m:f><m:sSup><m:e><m:r><m:t>x</m:t></m:r></m:e>"
        "<m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup></m:oMath>"
    )
    source = zipfile.ZipFile(tmp_path / "kiln.docx")
    members = {name: source.read(name).decode("utf-8", "surrogateescape") for name in source.namelist()}
    run = "<w:r><w:t>A cone bends when it is hot enough! See #6.</w:t></w:r>"
    assert run in members["word/document.xml"]
    members["word/document.xml"] = members["word/document.xml"].replace(run, run + formula)
    with zipfile.ZipFile(tmp_path / "math.docx", "w") as archive:
        for name, text in members.items():
            archive.writestr(name, text.encode("utf-8", "surrogateescape"))
    assert "See #6.(a+b)/cx^2" in read_one(tmp_path / "math.docx").text


def test_a_workbook_has_a_section_for_each_sheet(tmp_path: Path) -> None:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    one = f'<Relationship Id="r1" Type="{kinds}/%s" Target="%s"/>'
    related = f'<Relationships xmlns="{package}">{one}</Relationships>'
    cells = '<row><c t="inlineStr"><is><t>Cone</t></is></c><c t="inlineStr"><is><t>Degrees</t></is></c></row>'
    members = {
        "_rels/.rels": related % ("officeDocument", "xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kinds}"><sheets>'
        '<sheet name="Glaze" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": related % ("worksheet", "worksheets/sheet1.xml"),
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{cells}'
        "<row><c><v>6</v></c><c><v>1222</v></c></row></sheetData></worksheet>",
    }
    zipped(tmp_path / "cones.xlsx", members)
    document = read_one(tmp_path / "cones.xlsx")
    assert document.text == f"## Glaze\n\n{CELLS}"
    assert document.metadata["title"] == "cones"


def test_an_ebook_keeps_its_title_and_chapters(tmp_path: Path) -> None:
    container = "urn:oasis:names:tc:opendocument:xmlns:container"
    members = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": f'<container xmlns="{container}" version="1.0"><rootfiles><rootfile '
        'full-path="c.opf" media-type="application/oebps-package+xml"/></rootfiles></container>',
        "c.opf": '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>Potter</dc:title></metadata><manifest>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>',
        "a.xhtml": "<html><body><h1>Clay</h1><p>Clay is wet.</p></body></html>",
    }
    zipped(tmp_path / "book.epub", members)
    document = read_one(tmp_path / "book.epub")
    assert document.metadata["title"] == "Potter"
    assert document.text == "# Clay\n\nClay is wet.\n"


def test_rtf_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.rtf").write_text(r"{\rtf1\ansi A kiln is an oven.\par It burns clay.\par}")
    assert "A kiln is an oven." in read_one(tmp_path / "a.rtf").text


def test_pdf_lines_become_paragraphs_and_headings(tmp_path: Path) -> None:
    wrapped = [
        "The kiln is heated slowly over many hours, because wet clay that is",
        "heated too fast will burst.",
    ]
    form = ["Name: Ann Potter", "Shelf: 12", "Glaze: blue"]
    write_pdf(tmp_path / "k.pdf", [["# Firing", *wrapped], [*form, *wrapped]])
    document = read_one(tmp_path / "k.pdf")
    assert "# Firing\n\n" + " ".join(wrapped) in document.text
    assert "\n".join(form) + "\n\n" in document.text
    assert "Page 1 of 2" not in document.text
    assert document.metadata["pages"] == 2


def test_notebook_code_is_fenced_in_its_language(tmp_path: Path) -> None:
    code = {"cell_type": "code", "source": ["# not a heading\n", "x = 1"], "outputs": [{"text": ["1\n"]}]}
    cells = [
        {"cell_type": "markdown", "source": "# Clay <!-- hidden -->"},
        code,
        {"cell_type": "code", "source": ""},
    ]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4, "metadata": {}}))
    text = read_one(tmp_path / "n.ipynb").text
    assert text == "# Clay\n\n```python\n# not a heading\nx = 1\n```\n\nOutput:\n\n```text\n1\n```\n"


def test_mail_with_html_body_and_attachment(tmp_path: Path) -> None:
    lines = [
        "From: Ann <ann@example.org>", "Subject: =?utf-8?q?Kiln_caf=C3=A9?=", "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=B", "", "--B", "Content-Type: text/html; charset=utf-8", "",
        "<p>The kiln is <b>hot</b>.</p>", "--B", "Content-Type: text/plain",
        "Content-Disposition: attachment; filename=plan.txt", "", "secret", "--B--", "",
    ]  # fmt: skip
    (tmp_path / "m.eml").write_text("\n".join(lines))
    document = read_one(tmp_path / "m.eml")
    assert document.metadata == {"title": "Kiln café", "attachments": ["plan.txt"]}
    assert document.text.startswith("# Kiln café\n\n**From:** Ann <ann@example.org>")
    assert "The kiln is **hot**." in document.text
    assert "secret" not in document.text


def test_json_is_one_document_in_a_fence(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"kiln": ["hot", "é"]}')
    assert read_one(tmp_path / "a.json").text == '```json\n{\n  "kiln": [\n    "hot",\n    "é"\n  ]\n}\n```\n'


def test_parquet_rows_are_documents(tmp_path: Path) -> None:
    table = pa.table({"id": ["a", "b"], "text": ["Clay is wet.", "Glaze shines."], "page": [1, 2]})
    pq.write_table(table, tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert [r.uri for r in found] == ["t.parquet#a", "t.parquet#b"]
    assert isinstance(found[1], Document)
    assert (found[1].text, found[1].metadata) == ("Glaze shines.", {"page": 2})


def _encrypted_pdf(path: Path) -> None:
    write_pdf(path, [["secret"]], StandardEncryption("user", ownerPassword="owner", canPrint=0))


def _blank_pdf(path: Path) -> None:
    page = canvas.Canvas(str(path))
    page.rect(10, 10, 100, 100, fill=1)
    page.showPage()
    page.save()


def _cut_docx(path: Path) -> None:
    write_docx(path)
    path.write_bytes(path.read_bytes()[:4000])


def _bomb(path: Path) -> None:
    zipped(path, {"word/document.xml": "0" * (65 * 1024 * 1024)})
    assert path.stat().st_size * MAX_RATIO < 65 * 1024 * 1024


def _flagged_zip(path: Path) -> None:
    zipped(path, {"a.xhtml": "x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag of an encrypted member
    path.write_bytes(bytes(data))


def _writes(data: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(data)

    return write


TROUBLE: list[tuple[str, Callable[[Path], None], str]] = [
    ("a.md", _writes(b""), "empty"),
    ("blank.txt", _writes(b" \n\t\n"), "empty"),
    ("comment.md", _writes(b"<!-- nothing -->\n"), "empty"),
    ("page.html", _writes(b"<html><body><nav>Home</nav></body></html>"), "empty"),
    ("empty.csv", _writes(b""), "empty"),
    ("a.bin", _writes(bytes(range(256)) * 4), "binary"),
    ("binary.md", _writes(b"\x00\x01\x02" * 50), "binary"),
    ("noise.txt", _writes(bytes(range(1, 32)) * 20), "binary"),
    ("a.xyz", _writes(b"plain words"), "unsupported-format"),
    ("README", _writes(b"plain words"), "unsupported-format"),
    ("a.json", _writes(b'{"a": '), "broken"),
    ("a.ipynb", _writes(b'{"cells": 3}'), "broken"),
    ("old.ipynb", _writes(b'{"worksheets": []}'), "broken"),
    ("a.pdf", _writes(b"%PDF-1.7\nnothing more"), "broken"),
    ("no.pdf", _writes(b"these are words"), "broken"),
    ("a.docx", _writes(b"these are words"), "broken"),
    ("cut.docx", _cut_docx, "broken"),
    ("zip.docx", lambda path: zipped(path, {"a": "b"}), "broken"),
    ("bomb.docx", _bomb, "too-large"),
    ("locked.docx", _writes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)), "encrypted"),
    ("locked.epub", _flagged_zip, "encrypted"),
    ("locked.pdf", _encrypted_pdf, "encrypted"),
    ("scan.pdf", _blank_pdf, "scanned"),
    ("a.parquet", _writes(b"PAR1 but no more"), "broken"),
    ("a.eml", _writes(b"\n\nno headers at all"), "broken"),
    ("a.msg", _writes(b"not outlook"), "broken"),
    ("a.xls", _writes(b"not excel"), "broken"),
]


@pytest.mark.parametrize(("name", "write", "reason"), TROUBLE, ids=[name for name, _, _ in TROUBLE])
def test_trouble_is_a_failure_row_with_its_reason(
    tmp_path: Path, name: str, write: Callable[[Path], None], reason: str
) -> None:
    write(tmp_path / name)
    found = failure(tmp_path / name)
    assert (found.uri, found.reason) == (name, reason), found.detail
    assert found.detail


def test_a_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7 broken")
    (tmp_path / "b.md").write_text("Clay is wet.")
    (tmp_path / "c.bin").write_bytes(b"\x00\x01")
    found = list(read_sources(["."], tmp_path))
    assert [(r.uri, isinstance(r, Document)) for r in found] == [
        ("a.pdf", False),
        ("b.md", True),
        ("c.bin", False),
    ]


def test_the_suffix_may_be_in_capitals(tmp_path: Path) -> None:
    write_docx(tmp_path / "a.DOCX")
    assert "A cone bends" in read_one(tmp_path / "a.DOCX").text
