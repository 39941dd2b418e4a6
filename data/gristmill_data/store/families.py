"""Which documents are one text: versions of one document, copies, and documents that share most of it.

Versions have one uri. Copies and near copies are found by what they share: runs of five words (letters of
scripts without blanks count as words), hashed. Two documents belong together when at least half of the runs
of the *smaller* one are in the other, so a chapter belongs to its book; and whoever belongs to one of a
family belongs to all of it. The share is the containment of Broder, On the resemblance and containment of
documents (1997); above :data:`ALL_CHARS` only every n-th hash is looked at, as in FracMinHash (Irber et al.,
Lightweight compositional analysis of metagenomes with FracMinHash, 2022).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.core import Store

SHARE = 0.5
"""Of the smaller document's runs of words: from here on two documents are one text."""
ALL_CHARS = 60_000_000
"""Up to so many characters every run of words is looked at, above as many of them as that text would have."""
BATCH_CHARS = 8_000_000
"""Texts are cut into words so many characters at a time: the words take twenty times the memory."""
FEWEST = 8
"""Documents with fewer runs than this are compared whole, word for word."""
HOLDERS = 16
"""A run of words in more documents than these (a licence, a template) links to the first of them alone: near
copies of each other all link to the same ones."""

_UNBROKEN = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
_TABLES = """
    CREATE OR REPLACE TEMP TABLE gm_texts (doc BIGINT, words BIGINT, text UBIGINT);
    CREATE OR REPLACE TEMP TABLE gm_runs (doc BIGINT, run UBIGINT);
"""
_WORDS = rf"""
    CREATE OR REPLACE TEMP TABLE gm_words AS
    SELECT rowid AS doc, list_filter(string_split(regexp_replace(
        regexp_replace(lower(text), '({_UNBROKEN})', ' \1 ', 'g'),
        '[^\p{{L}}\p{{N}}]+', ' ', 'g'), ' '), lambda word: word <> '') AS words
    FROM documents WHERE rowid BETWEEN $first AND $last
"""  # noqa: S608 - constants of this module
_TEXTS = "INSERT INTO gm_texts SELECT doc, len(words), hash(words) FROM gm_words"
_RUNS = """
    INSERT INTO gm_runs SELECT DISTINCT doc, run FROM (
        SELECT doc, hash(unnest(list_zip(words, words[2:], words[3:], words[4:], words[5:], true))) AS run
        FROM gm_words
    ) WHERE run % $every = 0
"""
_PAIRS = f"""
    WITH sizes AS (SELECT doc, count(*) AS runs FROM gm_runs GROUP BY doc HAVING count(*) >= {FEWEST}),
    shared AS (
        SELECT run, doc, row_number() OVER (PARTITION BY run ORDER BY doc) AS place
        FROM gm_runs WHERE run IN (SELECT run FROM gm_runs GROUP BY run HAVING count(*) > 1)
    ), pairs AS (
        SELECT a.doc AS one, b.doc AS other, count(*) AS shared
        FROM shared a JOIN shared b ON a.run = b.run AND a.doc < b.doc WHERE a.place <= {HOLDERS}
        GROUP BY a.doc, b.doc
    )
    SELECT p.one, p.other FROM pairs p JOIN sizes a ON a.doc = p.one JOIN sizes b ON b.doc = p.other
    WHERE p.shared >= {SHARE} * least(a.runs, b.runs)
"""  # noqa: S608 - constants of this module
_EQUAL = """
    SELECT list(doc) FROM gm_texts WHERE words > 0 GROUP BY text HAVING count(*) > 1
    UNION ALL SELECT list(rowid) FROM documents GROUP BY uri HAVING count(*) > 1
"""
_GONE = "DROP TABLE IF EXISTS gm_words; DROP TABLE IF EXISTS gm_runs; DROP TABLE IF EXISTS gm_texts"


@dataclass(frozen=True, slots=False)
class Families:
    """Documents by family. ``key`` maps a document's id to its family: the first uri of it, in order."""

    key: dict[str, str] = field(default_factory=dict)
    uri: dict[str, str] = field(default_factory=dict)

    @cached_property
    def members(self) -> dict[str, list[str]]:
        """The documents of each family, by key."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        for document, key in self.key.items():
            found[key].append(document)
        return dict(found)


def families(store: Store) -> Families:
    """The families of all documents of a dataset: reads every text once (about 10 MB/s)."""
    with store.cursor() as cursor:
        known = cursor.execute("SELECT rowid, id, uri, length(text) FROM documents ORDER BY rowid").fetchall()
        parents = {doc: doc for doc, *_ in known}
        try:
            _cut(cursor, [(doc, chars) for doc, _, _, chars in known])
            for (group,) in cursor.execute(_EQUAL).fetchall():
                for other in group[1:]:
                    _join(parents, group[0], other)
            for one, other in cursor.execute(_PAIRS).fetchall():
                _join(parents, one, other)
        finally:
            cursor.execute(_GONE)
    uris = {document: uri for _, document, uri, _ in known}
    first: dict[int, str] = {}
    for doc, _, uri, _ in known:
        root = _root(parents, doc)
        first[root] = min(uri, first.get(root, uri))
    return Families({document: first[_root(parents, doc)] for doc, document, *_ in known}, uris)


def _cut(cursor: Connection, sizes: list[tuple[int, int]]) -> None:
    """Fill the tables of texts and of runs."""
    every = 1 + sum(chars for _, chars in sizes) // ALL_CHARS
    cursor.execute(_TABLES)
    for first, last in _ranges(sizes):
        cursor.execute(_WORDS, {"first": first, "last": last})
        cursor.execute(_TEXTS)
        cursor.execute(_RUNS, {"every": every})


def _ranges(sizes: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """First and last row of documents that have about :data:`BATCH_CHARS` together."""
    first, chars = -1, 0
    for doc, size in sizes:
        first, chars = (doc if first < 0 else first), chars + size
        if chars >= BATCH_CHARS:
            yield first, doc
            first, chars = -1, 0
    if first >= 0:
        yield first, sizes[-1][0]


def _root(parents: dict[int, int], doc: int) -> int:
    while parents[doc] != doc:
        parents[doc] = parents[parents[doc]]
        doc = parents[doc]
    return doc


def _join(parents: dict[int, int], one: int, other: int) -> None:
    low, high = sorted((_root(parents, one), _root(parents, other)))
    parents[high] = low
