"""What hangs on the texts of rows and takes too long to find for each screen: searches, doubt, likeness.

Each is a table in memory, filled when it is first asked for and kept up to date by the list of changed rows
(:attr:`LiveRows.version`). A search of 500,000 rows takes a second, the next screen of the same search
nothing.

``uncertain``: one number a row, from 0 to 1. Of each score, how near it is to what the accept rule of the
row's recipe compares it with (1 at the threshold, 0 at the far end of the scale), and how much those who gave
it disagree: twice the standard deviation of the votes or members of a jury, twice what is missing of the
least agreement on a criterion, 1 for a judge who calls the other side of a pair better when the sides are
swapped. The mean of both, of the score where it is largest. Scores that the rule does not name count where it
names none, against 0.5.

``cluster``: rows whose instructions share most of their pairs of words stand together: they are sorted by the
two smallest hashes of pairs of words (MinHash; Broder 1997), and share each with a probability that is their
Jaccard similarity.
"""

from __future__ import annotations

import ast
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from gristmill_data.store.conditions import like

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection
    from gristmill_data.store.live_rows import LiveRows

KEPT_SEARCHES = 12
TABLES = """
CREATE TABLE gm_live.hits (search INTEGER, place BIGINT);
CREATE TABLE gm_live.keys (kind VARCHAR, place BIGINT, value DOUBLE, second DOUBLE);
"""

# A text is looked for in the JSON of its messages first: reading that as messages is what takes long.
_HITS = """
INSERT INTO gm_live.hits SELECT $number, place FROM (
    SELECT rowid AS place FROM examples e
    WHERE (messages::VARCHAR ILIKE $raw ESCAPE '\\' OR chosen ILIKE $text ESCAPE '\\' OR rejected ILIKE $text
        ESCAPE '\\')
        AND all_text(messages, chosen, rejected) ILIKE $text ESCAPE '\\' {place}
        AND rowid NOT IN (SELECT place FROM gm_live.rows WHERE revision > 0)
    UNION SELECT r.place FROM gm_live.rows r JOIN examples e ON e.rowid = r.place
    LEFT JOIN edited t ON t.example_id = r.example_id
    WHERE r.revision > 0 {place} AND all_text(coalesce(t.messages, e.messages), coalesce(t.chosen, e.chosen),
        coalesce(t.rejected, e.rejected)) ILIKE $text ESCAPE '\\'
    UNION SELECT place FROM gm_live.rows WHERE uri ILIKE $text ESCAPE '\\' {place}
    UNION SELECT place FROM gm_live.rows
    WHERE chunk_id IN (SELECT id FROM chunks WHERE text ILIKE $text ESCAPE '\\') {place}
)
"""

_UNCERTAIN = """
INSERT INTO gm_live.keys
WITH told AS (
    SELECT r.place, s.value, coalesce(l.threshold, 0.5) AS threshold, from_json(s.votes, '[{{"judge":
        "VARCHAR",
        "value": "DOUBLE", "agreement": "DOUBLE", "winner_forward": "VARCHAR", "winner_swapped":
            "VARCHAR"}}]') AS votes
    FROM scores s JOIN gm_live.rows r ON r.example_id = s.example_id
    LEFT JOIN limits l ON l.run_id = r.run_id AND l.scorer = s.scorer
    WHERE s.value IS NOT NULL AND (l.scorer IS NOT NULL OR r.run_id NOT IN (SELECT run_id FROM limits))
        {place}
), doubts AS (
    SELECT place, 1 - abs(value - threshold) / greatest(threshold, 1 - threshold) AS near, least(1, greatest(
        2 * coalesce(list_aggregate([v.value for v in votes if v.judge IS NOT NULL], 'stddev_pop'), 0),
        2 * (1 - coalesce(list_min([v.agreement for v in votes]), 1)),
        CASE WHEN votes[1].winner_forward <> votes[1].winner_swapped THEN 1 ELSE 0 END)) AS split
    FROM told
)
SELECT 'uncertain', place, -max((near + split) / 2), 0 FROM doubts GROUP BY place
"""

_CLUSTER = """
INSERT INTO gm_live.keys
WITH said AS (
    SELECT rowid AS place, regexp_extract_all(lower(last_turn(messages, 'user')), '[\\pL\\pN]+') AS words
    FROM examples WHERE true {place}
), hashes AS (
    SELECT place, list_sort(list_distinct(list_transform(words, lambda word, n: hash(word, words[n - 1])))) AS
        found
    FROM said
)
SELECT 'cluster', place, coalesce(found[1], 0), coalesce(found[2], 0) FROM hashes
"""


@dataclass(slots=True)
class Part:
    """One table, or a part of one: how it is emptied and filled, and up to which version it is right."""

    empty: str
    fill: str
    values: Mapping[str, Any]
    version: int = -1
    lock: threading.Lock = field(default_factory=threading.Lock)


class LiveTexts:
    """The parts that hang on texts, of one :class:`LiveRows`."""

    def __init__(self, live: LiveRows) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._parts: OrderedDict[str, Part] = OrderedDict()
        self._numbers = 0

    def search(self, cursor: Connection, text: str) -> int:
        """The number under which ``gm_live.hits`` has the rows that hold ``text``."""
        with self._lock:
            name = f"search {text.casefold()}"
            part = self._parts.get(name)
            if part is None:
                part = self._parts[name] = self._search_part(text)
            self._parts.move_to_end(name)
            gone = self._oldest()
        for old in gone:
            cursor.execute(old.empty.format(place=""))
        self._catch_up(cursor, part)
        return int(part.values["number"])

    def order(self, cursor: Connection, kind: str) -> None:
        """See that ``gm_live.keys`` has a value of this kind for each row that can have one."""
        with self._lock:
            empty = f"DELETE FROM gm_live.keys WHERE kind = '{kind}' {{place}}"  # noqa: S608 - a name of ours
            fill = _UNCERTAIN if kind == "uncertain" else _CLUSTER
            part = self._parts.setdefault(kind, Part(empty, fill, {}))
        self._catch_up(cursor, part)

    def _search_part(self, text: str) -> Part:
        self._numbers += 1
        raw = orjson.dumps(text).decode()[1:-1]
        values = {"number": self._numbers, "text": like(text), "raw": like(raw)}
        empty = f"DELETE FROM gm_live.hits WHERE search = {self._numbers} {{place}}"  # noqa: S608 - a number
        return Part(empty, _HITS, values)

    def _oldest(self) -> list[Part]:
        """Take out the searches that were asked for longest ago, when there are too many."""
        searches = [name for name in self._parts if name.startswith("search ")]
        return [self._parts.pop(name) for name in searches[:-KEPT_SEARCHES]]

    def _catch_up(self, cursor: Connection, part: Part) -> None:
        with part.lock:
            version = self._live.version
            if part.version == version:
                return
            if part.fill is _UNCERTAIN:
                _tell_limits(cursor)
            place = ""
            if part.version >= self._live.forgotten:
                place = "AND place IN (SELECT place FROM renewed)"
                query = "SELECT DISTINCT place FROM gm_live.changes WHERE version > ?"
                cursor.execute(f"CREATE OR REPLACE TEMP TABLE renewed AS {query}", [part.version])
            cursor.execute("BEGIN")
            try:
                cursor.execute(part.empty.format(place=place))
                cursor.execute(part.fill.format(place=place), part.values)
                cursor.execute("COMMIT")
            except BaseException:
                cursor.execute("ROLLBACK")
                raise
            part.version = version


def _tell_limits(cursor: Connection) -> None:
    """What the accept rule of each run compares each score with, as the temporary table ``limits``."""
    found = cursor.execute("SELECT run_id, coalesce(recipe ->> 'accept', '') FROM runs").fetchall()
    limits = [(run_id, scorer, limit) for run_id, rule in found for scorer, limit in thresholds(rule)]
    cursor.execute("CREATE OR REPLACE TEMP TABLE limits (run_id VARCHAR, scorer VARCHAR, threshold DOUBLE)")
    if limits:
        cursor.executemany("INSERT INTO limits VALUES (?, ?, ?)", limits)


def thresholds(rule: str) -> Iterator[tuple[str, float]]:
    """(score, number) of each comparison of a score with a number in an accept rule."""
    try:
        tree = ast.parse(rule, mode="eval")
    except SyntaxError:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and len(node.comparators) == 1:
            sides = (node.left, node.comparators[0])
            names = [side.id for side in sides if isinstance(side, ast.Name)]
            numbers = [side.value for side in sides if isinstance(side, ast.Constant)]
            if names and numbers and isinstance(numbers[0], (int, float)):
                yield names[0], float(numbers[0])
