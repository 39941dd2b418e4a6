"""Web pages: the content stays, the site around it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from gristmill.records import Document
from gristmill_data.readers import read_sources
from gristmill_data.readers.html import html_to_markdown

DATA = Path(__file__).parent / "data/readers"


def test_the_content_of_a_page_without_landmarks() -> None:
    text, metadata = html_to_markdown((DATA / "page.html").read_text())
    assert text == (DATA / "page.md").read_text()
    assert metadata == {"title": "Kilns", "language": "en"}


def test_a_landmark_is_taken_for_the_content_and_gets_the_title() -> None:
    words = "Clay is dug from the ground and left to rest. " * 8
    head = "<head><title>Clay - Site</title></head>"
    page = f"<html>{head}<body><p>teaser</p><main><p>{words}</p></main></body></html>"
    text, metadata = html_to_markdown(page)
    assert text == f"# Clay\n\n{words.strip()}\n"
    assert metadata["title"] == "Clay"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "windows-1251"])
def test_the_declared_charset_counts(tmp_path: Path, charset: str) -> None:
    words = "Печь для глины" if charset == "windows-1251" else "Ofen für größere Töpfe"
    page = f'<html><head><meta charset="{charset}"></head><body><h1>{words}</h1><p>{words}.</p></body></html>'
    (tmp_path / "a.html").write_bytes(page.encode(charset))
    (document,) = read_sources(["a.html"], tmp_path)
    assert isinstance(document, Document)
    assert document.text == f"# {words}\n\n{words}.\n"


@pytest.mark.parametrize(
    "page", ["<p>unclosed <b>bold", "just words", "<table><tr><td>a</td><td>b</td></tr>", "<a><a><a>x"]
)
def test_broken_markup_still_gives_its_words(page: str) -> None:
    text, _ = html_to_markdown(page)
    assert text.strip()


def test_tables_for_layout_and_absurd_spans_are_harmless() -> None:
    inner = '<table><tr><td colspan="999999">a</td></tr><tr><td rowspan="-3">b</td><td>c</td></tr></table>'
    text, _ = html_to_markdown(f"<body><table><tr><td>{inner}</td></tr></table></body>")
    assert [word for word in "abc" if word in text] == ["a", "b", "c"]
    assert len(text) < 1000


@pytest.mark.shared
def test_an_encyclopedia_page_keeps_headings_and_tables_without_navigation(shared: Path) -> None:
    (document,) = read_sources(["documents/office/test_wikipedia.html"], shared)
    assert isinstance(document, Document)
    for kept in (
        "# Microsoft\n",
        "## History\n",
        "### 1985–1994: Windows and Office\n",
        "| Founders | Bill Gates, Paul Allen |",
    ):
        assert kept in document.text
    for gone in ("Main menu", "Contribute", "[edit]", "Jump to", "Retrieved", "Privacy policy", "[1]"):
        assert gone not in document.text
    assert "| 2023 | 211,915 | 73,307 | 411,976 | 238,000 |" in document.text


@pytest.mark.shared
def test_a_blog_post_keeps_its_sections_without_the_site(shared: Path) -> None:
    (document,) = read_sources(["documents/office/test_blog.html"], shared)
    assert isinstance(document, Document)
    assert [line for line in document.text.split("\n") if line.startswith("## ")] == [
        "## Experiment Setup", "## Experiment Results", "## Analysis and Discussion", "## For Further Reading"
    ]  # fmt: skip
    for gone in ("Skip to main content", "Recent posts", "Edit this page", "Copyright", "Direct link"):
        assert gone not in document.text
