"""Markdown, reStructuredText and plain text: what a reader sees, nothing else."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from gristmill.errors import ReadError
from gristmill.records import Document
from gristmill_data.readers import read_sources
from gristmill_data.readers.decoding import decode
from gristmill_data.readers.markdown import clean_markdown
from gristmill_data.readers.rst import rst_to_markdown

CASES = (Path(__file__).parent / "data/readers/markdown.txt").read_text(encoding="utf-8")


def _cases() -> list[tuple[str, str, str]]:
    found = []
    for case in ("\n" + CASES).split("\n### ")[1:]:
        name, rest = case.split("\n", 1)
        source, expected = rest.split("\n--->\n")
        found.append((name, source, expected.rstrip("\n")))
    return found


@pytest.mark.parametrize(("source", "expected"), [c[1:] for c in _cases()], ids=[c[0] for c in _cases()])
def test_markdown_is_cleaned(source: str, expected: str) -> None:
    assert clean_markdown(source)[0].rstrip("\n") == expected


def test_front_matter_becomes_metadata(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(
        "---\ntitle: Kiln guide\ntags: [a, b]\ndate: 2024-01-02\n---\n\n# Kilns\n\nHot.\n"
    )
    (document,) = read_sources(["a.md"], tmp_path)
    assert isinstance(document, Document)
    assert document.text == "# Kilns\n\nHot.\n"
    assert document.metadata == {"title": "Kiln guide", "tags": ["a", "b"], "date": "2024-01-02"}


@pytest.mark.parametrize(
    "source", ["---\nnot: [closed\n---\ntext\n", "---\n\nA rule above.\n\n---\n", "--- no\ntext\n"]
)
def test_what_is_no_front_matter_stays_text(source: str) -> None:
    text, metadata = clean_markdown(source)
    assert metadata == {}
    assert text.split() == source.split()


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("# Kilns\n\n## Cones\n", "Kilns"),
        ("## Kilns\n\nText.\n\n### Cones\n", "Kilns"),
        ("# One\n\na\n\n# Two\n\nb\n\n# Three\n\nc\n", None),
        ("## Kilns\n\nAll about kilns.\n\n## Summary\n\nHot.\n", "Kilns"),
        ("# 1 Introduction\n\na\n", None),
        ("no heading", None),
    ],
)
def test_the_title_is_the_one_heading_above_the_others(tmp_path: Path, text: str, title: str | None) -> None:
    (tmp_path / "a.md").write_text(text)
    (document,) = read_sources(["a.md"], tmp_path)
    assert isinstance(document, Document)
    assert document.metadata.get("title") == title


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252", "cp1251", "shift_jis"]
)
def test_encodings_are_detected(encoding: str) -> None:
    words = {
        "cp1251": "Печь обжигает глину при высокой температуре. ",
        "shift_jis": "窯は粘土を高い温度で焼く。",
    }
    text = words.get(encoding, "Der Töpfer heizt den Ofen größer als üblich, naïve café façade. ") * 8
    assert decode(text.encode(encoding)).removeprefix("\ufeff") == text


def test_utf16_with_a_mark_but_cut_off_is_undecodable() -> None:
    with pytest.raises(ReadError) as caught:
        decode(codecs.BOM_UTF16_LE + b"a\x00b")
    assert caught.value.reason == "undecodable"


def test_newlines_and_marks_are_normalised(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffone\r\ntwo\rthree e\u0301\n".encode())
    (document,) = read_sources(["a.txt"], tmp_path)
    assert isinstance(document, Document)
    assert document.text == "one\ntwo\nthree é\n"


RST = """
==========
Kiln guide
==========

.. contents::

A *kiln* is an oven, see :ref:`cones <cone-table>` and :func:`~oven.heat`
or the `site <https://example.org>`_.

Cones
=====

- a cone that
  bends
- another

Load first::

    load(shelf)

.. note:: Wear gloves
   and glasses.

Bisque
    The first firing
    of a pot.

>>> heat(3)
9

=====  =====
Cone   Heat
=====  =====
6      1222
=====  =====
"""

RST_AS_MARKDOWN = """# Kiln guide

A *kiln* is an oven, see cones and `heat` or the site.

## Cones

- a cone that bends
- another

Load first:

```
load(shelf)
```

**Note:** Wear gloves and glasses.

**Bisque:** The first firing of a pot.

```
>>> heat(3)
9
```

| Cone | Heat |
| --- | --- |
| 6 | 1222 |
"""


def test_restructuredtext_becomes_markdown() -> None:
    assert rst_to_markdown(RST) == RST_AS_MARKDOWN


@pytest.mark.shared
def test_the_rust_book_is_clean_and_whole(shared: Path) -> None:
    documents = [r for r in read_sources(["documents/rust_book"], shared) if isinstance(r, Document)]
    assert len(documents) == 42
    for document in documents:
        prose = "".join(document.text.split("```")[::2])
        for noise in ("<!--", "{{#", "<Listing", "</Listing", "<span", "<a id", "][", "]("):
            assert noise not in prose, (document.uri, noise)
        assert document.metadata["title"]
        assert len(document.text) > 200
