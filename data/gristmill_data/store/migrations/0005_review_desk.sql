-- What a team needs to review one dataset together. People, settings and views are appended, never changed: the last
-- entry counts, and who made it stands beside it.
CREATE SEQUENCE desk_order;

-- Who may do what. role: reviewer, lead, reader.
CREATE TABLE people (
    seq BIGINT NOT NULL DEFAULT nextval('desk_order'), name VARCHAR NOT NULL, role VARCHAR NOT NULL,
    author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

-- How the team reviews (overlap, share of rows with overlap, minutes of a reservation, goals …): JSON by name.
CREATE TABLE review_settings (
    seq BIGINT NOT NULL DEFAULT nextval('desk_order'), name VARCHAR NOT NULL, value JSON NOT NULL,
    author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

-- Reservations: a row is on somebody's screen until then. As many slots as reviewers a row is to have.
CREATE TABLE leases (
    example_id VARCHAR NOT NULL, slot INTEGER NOT NULL, reviewer VARCHAR NOT NULL, expires TIMESTAMP NOT NULL,
    PRIMARY KEY (example_id, slot)
);

-- What a reviewer has typed and not saved yet; gone with the decision.
CREATE TABLE drafts (
    reviewer VARCHAR NOT NULL, example_id VARCHAR NOT NULL, revision INTEGER NOT NULL, payload JSON NOT NULL,
    time TIMESTAMP NOT NULL, PRIMARY KEY (reviewer, example_id)
);

-- Filters under a name; payload null: removed.
CREATE TABLE saved_views (
    seq BIGINT NOT NULL DEFAULT nextval('desk_order'), view_id VARCHAR NOT NULL, name VARCHAR NOT NULL,
    payload JSON, author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

-- One action on many rows; its events name it in payload.bulk. left_out: rows that somebody decided between the count
-- and the action. undone_by: the bulk that took it back.
CREATE TABLE bulk_actions (
    seq BIGINT NOT NULL DEFAULT nextval('desk_order'), bulk_id VARCHAR PRIMARY KEY, action VARCHAR NOT NULL,
    filters JSON NOT NULL, payload JSON NOT NULL, rows BIGINT NOT NULL,
    left_out BIGINT NOT NULL, author VARCHAR NOT NULL, time TIMESTAMP NOT NULL, undone_by VARCHAR
);

-- A row that was made again because of a verdict on an older one.
CREATE TABLE lineage (
    child_id VARCHAR NOT NULL, parent_id VARCHAR NOT NULL, reason VARCHAR NOT NULL, run_id VARCHAR NOT NULL,
    time TIMESTAMP NOT NULL
);

-- How many people are to decide a row: the setting overlap, for that share of the rows (by the MD5 of the id).
CREATE VIEW overlap AS
SELECT coalesce((value ->> 'reviewers')::INTEGER, 1) AS reviewers, coalesce((value ->> 'share')::DOUBLE, 1.0) AS share
FROM (SELECT arg_max(value, seq) AS value FROM review_settings WHERE name = 'overlap');
CREATE MACRO wanted(id) AS (
    SELECT CASE WHEN ('0x' || left(md5(id), 8))::UBIGINT / 4294967296.0 < share THEN reviewers ELSE 1 END FROM overlap);

-- Events in force: without skips, undos and what was undone. What was decided before a requeue no longer counts.
CREATE VIEW standing AS
SELECT * FROM review_events
WHERE action NOT IN ('skip', 'undo')
  AND event_id NOT IN (SELECT (payload ->> 'event_id') FROM review_events WHERE action = 'undo');
CREATE VIEW requeues AS SELECT example_id, max(seq) AS seq FROM standing WHERE action = 'requeue' GROUP BY example_id;
CREATE OR REPLACE VIEW decisions AS
SELECT s.* FROM standing s LEFT JOIN requeues q ON q.example_id = s.example_id
WHERE s.action <> 'requeue' AND s.seq > coalesce(q.seq, 0);

-- What each decision that counts says: the verdict, and of a pair the better side. A lead's last word outranks all.
CREATE VIEW opinions AS
SELECT *,
    CASE WHEN action = 'adjudicate' THEN (payload ->> 'verdict')
         WHEN action IN ('reject', 'regenerate') THEN 'rejected'
         WHEN action = 'prefer' AND (payload ->> 'side') IN ('tie', 'both_bad') THEN 'rejected'
         ELSE 'accepted' END AS verdict,
    CASE WHEN action = 'accept' OR (action = 'adjudicate' AND (payload ->> 'verdict') = 'accepted')
         THEN coalesce((payload ->> 'side'), 'chosen') ELSE (payload ->> 'side') END AS side,
    CASE action WHEN 'edit' THEN md5(concat_ws(chr(0), (payload -> 'messages')::VARCHAR, (payload ->> 'chosen'),
        (payload ->> 'rejected'))) ELSE '' END AS text,
    seq + CASE WHEN action = 'adjudicate' THEN 1::BIGINT << 60 ELSE 0 END AS rank,
    list_distinct(coalesce(from_json(payload -> 'tags', '["VARCHAR"]'), []) || coalesce(
        from_json(payload -> 'reasons', '["VARCHAR"]'), []) || list_filter([payload ->> 'reason'], lambda r: r <> '')) AS tags
FROM decisions;

-- The last word of each reviewer on an example, leads' last words apart.
CREATE VIEW words AS
SELECT example_id, reviewer, max(seq) AS seq, arg_max(verdict, seq) AS verdict,
    coalesce(arg_max(side, seq), 'chosen') AS side, arg_max(text, seq) AS text, arg_max(action, seq) AS action,
    arg_max(tags, seq) AS tags
FROM opinions WHERE action <> 'adjudicate' GROUP BY example_id, reviewer;

-- The texts of an example as people changed them.
CREATE VIEW edited AS
SELECT example_id,
    arg_max((payload -> 'messages'), seq) FILTER ((payload -> 'messages') IS NOT NULL) AS messages,
    arg_max((payload ->> 'chosen'), seq) FILTER ((payload ->> 'chosen') IS NOT NULL) AS chosen,
    arg_max((payload ->> 'rejected'), seq) FILTER ((payload ->> 'rejected') IS NOT NULL) AS rejected
FROM standing WHERE action = 'edit' OR (action = 'adjudicate'
    AND json_exists(payload, ['$.messages', '$.chosen', '$.rejected']) <> [false, false, false])
GROUP BY example_id;

-- How often the text of an example changed: edits, and undone edits.
CREATE OR REPLACE VIEW revisions AS
SELECT e.example_id, count(*) AS revision
FROM review_events e LEFT JOIN review_events t ON e.action = 'undo' AND t.event_id = (e.payload ->> 'event_id')
WHERE coalesce(t.action, e.action) = 'edit' OR (coalesce(t.action, e.action) = 'adjudicate'
    AND json_exists(coalesce(t.payload, e.payload), ['$.messages', '$.chosen', '$.rejected']) <> [false, false, false])
GROUP BY e.example_id;

-- What people decided of an example, once as many as wanted have. Where one is wanted the last word counts; where
-- several are, they must say the same of the same text, or the row is disputed until a lead has the last word.
CREATE OR REPLACE VIEW verdicts AS
WITH heard AS (
    SELECT example_id, arg_max(verdict, rank) AS verdict, bool_or(action = 'adjudicate') AS final,
        arg_max(reviewer, rank) AS reviewer, arg_max(action, rank) AS action,
        arg_max_null((payload ->> 'reason'), rank) AS reason, arg_max(time, rank) AS time, arg_max(side, rank) AS side,
        list_sort(list(DISTINCT reviewer)) AS reviewers, list_sort(list_distinct(flatten(list(tags)))) AS tags
    FROM opinions GROUP BY example_id
), counted AS (
    SELECT example_id, count(*) AS voices,
        count(DISTINCT CASE verdict WHEN 'rejected' THEN '' ELSE side || ' ' || text END) AS different
    FROM words GROUP BY example_id
), judged AS (
    SELECT coalesce(h.example_id, q.example_id) AS id, coalesce(c.voices, 0) AS voices, h.*,
        coalesce(c.voices, 0) >= wanted(h.example_id) AS enough, different > 1 AND wanted(h.example_id) > 1 AS differ
    FROM heard h LEFT JOIN counted c ON c.example_id = h.example_id
    FULL JOIN requeues q ON q.example_id = h.example_id
)
SELECT id AS example_id, voices,
    CASE WHEN final OR (enough AND NOT differ) THEN verdict END AS review,
    coalesce(NOT final AND enough AND differ, false) AS disputed,
    CASE WHEN final OR enough THEN reviewer END AS reviewer, CASE WHEN final OR enough THEN action END AS action,
    CASE WHEN final OR enough THEN reason END AS review_reason, CASE WHEN final OR enough THEN time END AS reviewed,
    CASE WHEN final OR (enough AND NOT differ) THEN side END AS side, coalesce(reviewers, []) AS reviewers,
    coalesce(tags, []) AS tags
FROM judged;

-- As before, with what a team decides. queue_status: pending (accepted by the machine alone, put back, or not yet
-- decided by as many people as wanted), disputed, accepted, rejected (by people), machine_rejected, failed.
-- status: the people's word before the machine's; disputed while people disagree.
CREATE OR REPLACE VIEW rows_ AS
SELECT
    e.id AS example_id, e.kind, e.generator, (e.metadata ->> 'type') AS type, d.uri, c.document_id, c.id AS chunk_id,
    c.start_ AS chunk_start, c.end_ AS chunk_end, c.heading_path, e.run_id, r.name AS run_name, e.created,
    coalesce(m.state, 'failed') AS judge_state,
    CASE WHEN m.state IS NULL THEN 'undecided' ELSE m.reason END AS reason, m.detail,
    v.review, v.reviewer, v.action, v.review_reason, v.reviewed, v.side, coalesce(v.voices, 0) AS voices,
    coalesce(v.reviewers, []) AS reviewers, coalesce(v.tags, []) AS tags,
    CASE WHEN v.disputed THEN 'disputed' ELSE coalesce(v.review, m.state, 'failed') END AS status,
    CASE WHEN v.disputed THEN 'disputed' WHEN v.review IS NOT NULL THEN v.review
         WHEN v.example_id IS NOT NULL OR m.state = 'accepted' THEN 'pending'
         WHEN m.state = 'rejected' THEN 'machine_rejected' ELSE 'failed' END AS queue_status,
    coalesce(s.stale, false) OR (v.example_id IS NULL AND NOT coalesce(list_has_any(m.settings, l.settings), true)) AS stale,
    coalesce(n.revision, 0) AS revision,
    coalesce(t.messages, e.messages) AS messages,
    coalesce(t.chosen, e.chosen) AS chosen,
    coalesce(t.rejected, e.rejected) AS rejected
FROM examples e
LEFT JOIN chunks c ON c.id = e.chunk_ids[1]
LEFT JOIN documents d ON d.id = c.document_id
LEFT JOIN runs r ON r.run_id = e.run_id
LEFT JOIN document_runs s ON s.document_id = c.document_id AND s.name = r.name
LEFT JOIN (SELECT n.name, x.settings FROM latest_runs n JOIN runs x ON x.run_id = n.run_id) l ON l.name = r.name
LEFT JOIN machine m ON m.example_id = e.id
LEFT JOIN verdicts v ON v.example_id = e.id
LEFT JOIN edited t ON t.example_id = e.id
LEFT JOIN revisions n ON n.example_id = e.id;
