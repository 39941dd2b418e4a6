-- Records: addressed by content, inserted when absent.
CREATE TABLE documents (
    id VARCHAR PRIMARY KEY, uri VARCHAR NOT NULL, text VARCHAR NOT NULL, media_type VARCHAR NOT NULL, metadata JSON
);
CREATE TABLE chunks (
    id VARCHAR PRIMARY KEY, document_id VARCHAR NOT NULL, text VARCHAR NOT NULL,
    start_ BIGINT NOT NULL, end_ BIGINT NOT NULL, heading_path VARCHAR[]
);
CREATE TABLE examples (
    id VARCHAR PRIMARY KEY, kind VARCHAR NOT NULL, messages JSON NOT NULL, chosen VARCHAR, rejected VARCHAR,
    chunk_ids VARCHAR[] NOT NULL, generator VARCHAR NOT NULL, generator_version VARCHAR NOT NULL,
    generator_args JSON, calls VARCHAR[], metadata JSON, run_id VARCHAR NOT NULL, created TIMESTAMP NOT NULL
);
CREATE TABLE calls (
    key VARCHAR PRIMARY KEY, model VARCHAR NOT NULL, messages JSON, params JSON, response VARCHAR,
    input_tokens BIGINT, output_tokens BIGINT, cost DOUBLE
);
CREATE TABLE scores (
    example_id VARCHAR, scorer VARCHAR, version VARCHAR NOT NULL, value DOUBLE, unscored_reason VARCHAR,
    rationale VARCHAR, evidence JSON, votes JSON, PRIMARY KEY (example_id, scorer)
);
CREATE TABLE matches (
    example_id VARCHAR NOT NULL, benchmark VARCHAR NOT NULL, item_id VARCHAR NOT NULL, label VARCHAR NOT NULL,
    score DOUBLE NOT NULL, example_start BIGINT, example_end BIGINT, item_start BIGINT, item_end BIGINT,
    item_text VARCHAR
);
-- The accounting of runs.
CREATE TABLE outcomes (
    slot_id VARCHAR PRIMARY KEY, chunk_id VARCHAR NOT NULL, task VARCHAR NOT NULL, idx INTEGER NOT NULL,
    settings VARCHAR NOT NULL, state VARCHAR NOT NULL, reason VARCHAR, detail VARCHAR, raw VARCHAR,
    example_id VARCHAR, run_id VARCHAR NOT NULL
);
CREATE TABLE file_failures (run_id VARCHAR NOT NULL, uri VARCHAR NOT NULL, reason VARCHAR NOT NULL, detail VARCHAR);
CREATE TABLE run_documents (
    run_id VARCHAR, document_id VARCHAR, uri VARCHAR NOT NULL, PRIMARY KEY (run_id, document_id, uri)
);
CREATE SEQUENCE run_order;
CREATE TABLE runs (
    run_id VARCHAR PRIMARY KEY, name VARCHAR, recipe JSON, started TIMESTAMP, finished TIMESTAMP, status VARCHAR,
    summary JSON, version VARCHAR, settings VARCHAR[], db_seq BIGINT NOT NULL DEFAULT nextval('run_order')
);
-- What people decided: events are appended, never changed; "undo" compensates. status is the one that resulted.
CREATE SEQUENCE review_order;
CREATE TABLE review_events (
    event_id VARCHAR PRIMARY KEY, seq BIGINT NOT NULL DEFAULT nextval('review_order'), example_id VARCHAR NOT NULL,
    revision INTEGER NOT NULL, reviewer VARCHAR NOT NULL, action VARCHAR NOT NULL, payload JSON,
    time TIMESTAMP NOT NULL, status VARCHAR
);
-- The ledger: a segment named here has been ingested. Segments that could not be are kept, with the reason.
CREATE TABLE segments (name VARCHAR PRIMARY KEY, rows BIGINT NOT NULL, time TIMESTAMP NOT NULL);
CREATE TABLE set_aside (name VARCHAR PRIMARY KEY, reason VARCHAR NOT NULL, time TIMESTAMP NOT NULL);

-- Events in force: without skips, undos and what was undone.
CREATE VIEW decisions AS
SELECT * FROM review_events
WHERE action NOT IN ('skip', 'undo')
  AND event_id NOT IN (SELECT (payload ->> 'event_id') FROM review_events WHERE action = 'undo');

-- The current word of the reviewers on an example: verdict, texts as edited, the side preferred.
CREATE VIEW verdicts AS
SELECT
    example_id,
    arg_max(CASE
        WHEN action = 'reject' THEN 'rejected'
        WHEN action = 'prefer' AND (payload ->> 'side') IN ('tie', 'both_bad') THEN 'rejected'
        ELSE 'accepted' END, seq) AS review,
    arg_max(reviewer, seq) AS reviewer,
    arg_max(action, seq) AS action,
    arg_max((payload ->> 'reason'), seq) AS review_reason,
    arg_max(time, seq) AS reviewed,
    arg_max((payload -> 'messages'), seq) FILTER (action = 'edit' AND (payload -> 'messages') IS NOT NULL) AS messages,
    arg_max((payload ->> 'chosen'), seq) FILTER (action = 'edit' AND (payload ->> 'chosen') IS NOT NULL) AS chosen,
    arg_max((payload ->> 'rejected'), seq) FILTER (action = 'edit' AND (payload ->> 'rejected') IS NOT NULL) AS rejected,
    arg_max(CASE WHEN action = 'accept' THEN 'chosen' ELSE (payload ->> 'side') END, seq)
        FILTER (action = 'accept' OR (payload ->> 'side') IS NOT NULL) AS side
FROM decisions GROUP BY example_id;

-- How often the text of an example changed: edits, and undone edits.
CREATE VIEW revisions AS
SELECT e.example_id, count(*) AS revision
FROM review_events e LEFT JOIN review_events t ON t.event_id = (e.payload ->> 'event_id')
WHERE e.action = 'edit' OR (e.action = 'undo' AND t.action = 'edit')
GROUP BY e.example_id;

-- What the machine decided: accepted when any slot that gave this example was accepted.
CREATE VIEW machine AS
SELECT
    example_id,
    CASE WHEN bool_or(state = 'accepted') THEN 'accepted'
         WHEN bool_or(state = 'rejected') THEN 'rejected' ELSE 'failed' END AS state,
    arg_min(reason, CASE state WHEN 'accepted' THEN 0 WHEN 'rejected' THEN 1 ELSE 2 END) AS reason,
    arg_min(detail, CASE state WHEN 'accepted' THEN 0 WHEN 'rejected' THEN 1 ELSE 2 END) AS detail,
    list(DISTINCT settings) AS settings
FROM outcomes WHERE example_id IS NOT NULL GROUP BY example_id;

-- A run hands in its documents before its own row, so every run listed here knows all of its documents.
CREATE VIEW latest_runs AS
SELECT name, arg_max(run_id, db_seq) AS run_id, max(db_seq) AS db_seq FROM runs GROUP BY name;

-- A document is stale for a recipe when a run of it came after the last one that saw the document.
CREATE VIEW document_runs AS
SELECT d.document_id, r.name, max(r.db_seq) < any_value(l.db_seq) AS stale
FROM run_documents d JOIN runs r USING (run_id) JOIN latest_runs l ON l.name = r.name
GROUP BY d.document_id, r.name;

-- A row that nobody reviewed is stale as well when it was decided under settings (generator, its arguments,
-- chunking, gates, scorers, accept rule) that are not those of the recipe's latest run.
-- One row per example. status: accepted | rejected | failed, the reviewers' word before the machine's.
-- An example without an outcome is one that nobody decided: its run was killed, or its slot holds another one now.
-- queue_status tells who decided: pending (accepted by the machine alone), accepted, rejected (by a person),
-- machine_rejected, failed.
CREATE VIEW rows_ AS
SELECT
    e.id AS example_id, e.kind, e.generator, (e.metadata ->> 'type') AS type, d.uri, c.document_id, c.id AS chunk_id,
    c.start_ AS chunk_start, c.end_ AS chunk_end, c.heading_path, e.run_id, r.name AS run_name, e.created,
    coalesce(m.state, 'failed') AS judge_state,
    CASE WHEN m.state IS NULL THEN 'undecided' ELSE m.reason END AS reason, m.detail,
    v.review, v.reviewer, v.action, v.review_reason, v.reviewed, v.side,
    coalesce(v.review, m.state, 'failed') AS status,
    coalesce(v.review, CASE m.state
        WHEN 'accepted' THEN 'pending' WHEN 'rejected' THEN 'machine_rejected' ELSE 'failed' END) AS queue_status,
    coalesce(s.stale, false) OR (v.review IS NULL AND NOT coalesce(list_has_any(m.settings, l.settings), true)) AS stale,
    coalesce(n.revision, 0) AS revision,
    coalesce(v.messages, e.messages) AS messages,
    coalesce(v.chosen, e.chosen) AS chosen,
    coalesce(v.rejected, e.rejected) AS rejected
FROM examples e
LEFT JOIN chunks c ON c.id = e.chunk_ids[1]
LEFT JOIN documents d ON d.id = c.document_id
LEFT JOIN runs r ON r.run_id = e.run_id
LEFT JOIN document_runs s ON s.document_id = c.document_id AND s.name = r.name
LEFT JOIN (SELECT n.name, x.settings FROM latest_runs n JOIN runs x ON x.run_id = n.run_id) l ON l.name = r.name
LEFT JOIN machine m ON m.example_id = e.id
LEFT JOIN verdicts v ON v.example_id = e.id
LEFT JOIN revisions n ON n.example_id = e.id;

CREATE MACRO turns(messages) AS from_json(messages, '[{"role":"VARCHAR","content":"VARCHAR"}]');
CREATE MACRO last_turn(messages, who) AS
    coalesce(list_filter(turns(messages), lambda turn: turn.role = who)[-1].content, '');
CREATE MACRO all_text(messages, chosen, rejected) AS
    concat_ws(chr(10) || chr(10), array_to_string(list_transform(turns(messages), lambda turn: turn.content),
        chr(10) || chr(10)), chosen, rejected);
