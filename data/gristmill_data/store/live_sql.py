"""The SQL of the live table: what it holds, how it is filled, and how one part of it is done again.

Its columns say what the view ``rows_`` says, without texts. The view is the definition; a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gristmill_data.store.connect import Connection

TABLES = """
CREATE TABLE gm_live.rows (
    place BIGINT, chunk_place BIGINT, document_place BIGINT, example_id VARCHAR, kind VARCHAR,
    generator VARCHAR, type VARCHAR, uri VARCHAR, document_id VARCHAR, chunk_id VARCHAR, chunk_start BIGINT,
    run_id VARCHAR, run_name VARCHAR, created TIMESTAMP, judge_state VARCHAR, reason VARCHAR,
    document_stale BOOLEAN, other_settings BOOLEAN, score DOUBLE, labels VARCHAR[], models VARCHAR[],
    waiting BOOLEAN, turn BIGINT, shuffle UBIGINT, touched BOOLEAN, voices BIGINT, review VARCHAR,
    disputed BOOLEAN, reviewer VARCHAR, action VARCHAR, review_reason VARCHAR, reviewed TIMESTAMP,
    side VARCHAR, reviewers VARCHAR[], tags VARCHAR[], revision BIGINT, status VARCHAR,
    queue_status VARCHAR, stale BOOLEAN
);
CREATE TABLE gm_live.marks (place BIGINT, scorer VARCHAR, value DOUBLE, score_place BIGINT);
CREATE TABLE gm_live.skips (reviewer VARCHAR, place BIGINT, seq BIGINT);
CREATE TABLE gm_live.changes (version BIGINT, place BIGINT);
"""

# What runs say of the rows asked for ({ids} limits a column to them; empty: all rows).
MACHINE = """
WITH tried AS (
    SELECT example_id,
        CASE WHEN bool_or(state = 'accepted') THEN 'accepted'
             WHEN bool_or(state = 'rejected') THEN 'rejected' ELSE 'failed' END AS state,
        arg_min(reason, CASE state WHEN 'accepted' THEN 0 WHEN 'rejected' THEN 1 ELSE 2 END) AS reason,
        list(DISTINCT settings) AS settings
    FROM outcomes WHERE example_id IS NOT NULL {example_id} GROUP BY example_id
), scored AS (
    SELECT example_id, avg(value) AS value FROM scores WHERE true {example_id} GROUP BY example_id
), alike AS (
    SELECT example_id, list_sort(list(DISTINCT label)) AS labels FROM matches WHERE true {example_id} GROUP BY
        example_id
), asked_of AS (
    SELECT k.id, list_sort(list(DISTINCT c.model) FILTER (c.key IS NOT NULL)) AS models, bool_or(c.key IS
        NULL) AS waiting
    FROM (SELECT id, unnest(calls) AS key FROM examples WHERE true {id}) k LEFT JOIN calls c ON c.key = k.key
        GROUP BY k.id
), plans AS (
    SELECT n.name, x.settings FROM latest_runs n JOIN runs x ON x.run_id = n.run_id
)
SELECT e.rowid AS place, c.rowid AS chunk_place, d.rowid AS document_place, e.id AS example_id, e.kind,
    e.generator, (e.metadata ->> 'type') AS type, d.uri, c.document_id,
    c.id AS chunk_id, c.start_ AS chunk_start, e.run_id, r.name AS run_name, e.created,
    coalesce(m.state, 'failed') AS judge_state, CASE WHEN m.state IS NULL THEN 'undecided' ELSE m.reason END
        AS reason,
    coalesce(s.stale, false) AS document_stale, NOT coalesce(list_has_any(m.settings, l.settings), true) AS
        other_settings,
    v.value AS score, coalesce(k.labels, []) AS labels, coalesce(o.models, []) AS models,
    coalesce(o.waiting, false) AS waiting, md5_number_lower(e.id) AS shuffle
FROM (SELECT rowid, * FROM examples WHERE true {id}) e
LEFT JOIN chunks c ON c.id = e.chunk_ids[1]
LEFT JOIN documents d ON d.id = c.document_id
LEFT JOIN runs r ON r.run_id = e.run_id
LEFT JOIN document_runs s ON s.document_id = c.document_id AND s.name = r.name
LEFT JOIN plans l ON l.name = r.name
LEFT JOIN tried m ON m.example_id = e.id
LEFT JOIN scored v ON v.example_id = e.id
LEFT JOIN alike k ON k.example_id = e.id
LEFT JOIN asked_of o ON o.id = e.id
"""
ASKED = "AND {0} IN (SELECT id FROM asked)"

STATUS = "CASE WHEN disputed THEN 'disputed' ELSE coalesce(review, judge_state) END"
QUEUE_STATUS = """
CASE WHEN disputed THEN 'disputed' WHEN review IS NOT NULL THEN review WHEN touched OR judge_state =
    'accepted' THEN 'pending'
     WHEN judge_state = 'rejected' THEN 'machine_rejected' ELSE 'failed' END
"""
STALE = "document_stale OR (NOT touched AND other_settings)"

# The first row of each document made stands before the second of any: so every source is met early.
INSERT = f"""
INSERT INTO gm_live.rows BY NAME
WITH found AS (
    SELECT m.* EXCLUDE (place), m.place, p.example_id IS NOT NULL AS touched, coalesce(p.voices, 0) AS voices,
        p.review,
        coalesce(p.disputed, false) AS disputed, p.reviewer, p.action, p.review_reason, p.reviewed, p.side,
        coalesce(p.reviewers, []) AS reviewers, coalesce(p.tags, []) AS tags, coalesce(n.revision, 0) AS
            revision,
        coalesce(t.turn, coalesce(f.turn, 0) + row_number() OVER (
            PARTITION BY m.document_id, t.turn IS NULL ORDER BY m.shuffle)) AS turn
    FROM {{machine}} m LEFT JOIN {{people}} p ON p.example_id = m.example_id
    LEFT JOIN {{revisions}} n ON n.example_id = m.example_id
    LEFT JOIN {{turns}} t ON t.place = m.place LEFT JOIN {{ends}} f ON f.document_id = m.document_id
)
SELECT *, {STATUS} AS status, {QUEUE_STATUS} AS queue_status, {STALE} AS stale FROM found
"""  # noqa: S608 - expressions of ours

KEPT = (
    "CREATE TEMP TABLE kept AS SELECT place, turn FROM gm_live.rows WHERE place IN (SELECT place FROM fresh)"
)
ENDS = """
CREATE TEMP TABLE ends AS SELECT document_id, max(turn) AS turn FROM gm_live.rows
WHERE document_id IN (SELECT document_id FROM fresh) GROUP BY document_id
"""
NOTHING = {
    "people": "(SELECT ''::VARCHAR AS example_id, NULL AS voices, NULL AS review, NULL AS disputed,"
    " NULL AS reviewer, NULL AS action, NULL AS review_reason, NULL AS reviewed, NULL AS side,"
    " NULL AS reviewers, NULL AS tags LIMIT 0)",
    "revisions": "(SELECT ''::VARCHAR AS example_id, 0 AS revision LIMIT 0)",
    "turns": "(SELECT 0::BIGINT AS place, 0::BIGINT AS turn LIMIT 0)",
    "ends": "(SELECT ''::VARCHAR AS document_id, 0::BIGINT AS turn LIMIT 0)",
}

DECIDED = f"""
UPDATE gm_live.rows AS r SET touched = p.touched, voices = p.voices, review = p.review, disputed = p.disputed,
    reviewer = p.reviewer, action = p.action, review_reason = p.review_reason, reviewed = p.reviewed, side =
        p.side,
    reviewers = p.reviewers, tags = p.tags, revision = p.revision, status = p.status, queue_status =
        p.queue_status,
    stale = p.stale
FROM (
    SELECT *, {STATUS} AS status, {QUEUE_STATUS} AS queue_status, {STALE} AS stale FROM (
        SELECT o.place, o.judge_state, o.document_stale, o.other_settings, p.example_id IS NOT NULL AS
            touched,
            coalesce(p.voices, 0) AS voices, p.review, coalesce(p.disputed, false) AS disputed, p.reviewer,
                p.action,
            p.review_reason, p.reviewed, p.side, coalesce(p.reviewers, []) AS reviewers, coalesce(p.tags, [])
                AS tags,
            coalesce(n.revision, 0) AS revision
        FROM gm_live.rows o LEFT JOIN {{people}} p ON p.example_id = o.example_id
        LEFT JOIN {{revisions}} n ON n.example_id = o.example_id WHERE {{which}}
    )
) p WHERE r.place = p.place
"""  # noqa: S608 - expressions of ours

MARKS = """
INSERT INTO gm_live.marks SELECT r.place, s.scorer, s.value, s.rowid
FROM scores s JOIN gm_live.rows r ON r.example_id = s.example_id WHERE true {example_id}
"""

SKIPS = """
INSERT INTO gm_live.skips SELECT e.reviewer, r.place, max(e.seq)
FROM review_events e JOIN gm_live.rows r ON r.example_id = e.example_id
WHERE e.action = 'skip' AND event_id NOT IN (SELECT (payload ->> 'event_id') FROM review_events WHERE action =
    'undo')
    {which} GROUP BY ALL
"""

# Rows whose document was seen, or whose recipe was run, since: only those that this changes.
OUTDATED = f"""
UPDATE gm_live.rows AS r SET run_name = f.run_name, document_stale = f.document_stale, other_settings =
    f.other_settings,
    stale = f.stale
FROM (
    SELECT *, {STALE} AS stale FROM (
        SELECT o.place, o.touched, x.name AS run_name, coalesce(s.stale, false) AS document_stale,
            NOT coalesce(list_has_any(m.settings, l.settings), true) AS other_settings
        FROM gm_live.rows o LEFT JOIN runs x ON x.run_id = o.run_id
        LEFT JOIN document_runs s ON s.document_id = o.document_id AND s.name = x.name
        LEFT JOIN (SELECT n.name, x.settings FROM latest_runs n JOIN runs x ON x.run_id = n.run_id) l ON
            l.name = x.name
        LEFT JOIN (SELECT example_id, list(DISTINCT settings) AS settings FROM outcomes GROUP BY example_id) m
            ON m.example_id = o.example_id
    )
) f WHERE r.place = f.place AND (r.run_name IS DISTINCT FROM f.run_name OR r.document_stale <>
    f.document_stale
    OR r.other_settings <> f.other_settings)
"""  # noqa: S608 - expressions of ours

# What an ingest changes. Outcomes that a slot loses are looked up before they are replaced.
CHANGED = {
    "examples": "SELECT id FROM read_parquet($files)",
    "scores": "SELECT example_id FROM read_parquet($files)",
    "matches": "SELECT example_id FROM read_parquet($files)",
    "review_events": "SELECT example_id FROM read_parquet($files)",
    "outcomes": "SELECT example_id FROM read_parquet($files) UNION SELECT example_id FROM outcomes"
    " WHERE slot_id IN (SELECT slot_id FROM read_parquet($files))",
    "chunks": "SELECT id FROM examples WHERE rowid IN (SELECT place FROM gm_live.rows WHERE chunk_id IS NULL)"
    " AND chunk_ids[1] IN (SELECT id FROM read_parquet($files))",
    "documents": "SELECT example_id FROM gm_live.rows WHERE uri IS NULL"
    " AND document_id IN (SELECT id FROM read_parquet($files))",
    "calls": "SELECT e.id FROM examples e JOIN gm_live.rows r ON r.place = e.rowid"
    " WHERE r.waiting AND list_has_any(e.calls, (SELECT list(key) FROM read_parquet($files)))",
    "run_documents": "SELECT example_id FROM gm_live.rows WHERE document_id IN"
    " (SELECT document_id FROM read_parquet($files))",
}


def changed_by(cursor: Connection, files: Mapping[str, Sequence[str]]) -> list[str]:
    """Ids of the examples whose state these files (by table) may change, asked before they are taken over."""
    found: set[str] = set()
    for table, query in CHANGED.items():
        if table in files:
            rows = cursor.execute(query, {"files": files[table]}).fetchall()
            found.update(example_id for (example_id,) in rows if example_id)
    return sorted(found)
