-- The tables that grow with the corpus lose their primary keys: an index of a million hashes takes 130 MB of memory
-- that DuckDB cannot page out, and every ingest would load it. Whoever ingests leaves out what is there (ingest.py).
-- Long texts are zstd: half the size of what DuckDB chooses by itself, and less work than choosing.
CREATE TABLE new_documents (
    id VARCHAR NOT NULL, uri VARCHAR NOT NULL, text VARCHAR NOT NULL USING COMPRESSION zstd, media_type VARCHAR NOT NULL,
    metadata JSON
);
INSERT INTO new_documents SELECT * FROM documents;
DROP TABLE documents;
ALTER TABLE new_documents RENAME TO documents;

CREATE TABLE new_chunks (
    id VARCHAR NOT NULL, document_id VARCHAR NOT NULL, text VARCHAR NOT NULL USING COMPRESSION zstd,
    start_ BIGINT NOT NULL, end_ BIGINT NOT NULL, heading_path VARCHAR[]
);
INSERT INTO new_chunks SELECT * FROM chunks;
DROP TABLE chunks;
ALTER TABLE new_chunks RENAME TO chunks;

CREATE TABLE new_examples (
    id VARCHAR NOT NULL, kind VARCHAR NOT NULL, messages JSON NOT NULL, chosen VARCHAR, rejected VARCHAR,
    chunk_ids VARCHAR[] NOT NULL, generator VARCHAR NOT NULL, generator_version VARCHAR NOT NULL,
    generator_args JSON, calls VARCHAR[], metadata JSON, run_id VARCHAR NOT NULL, created TIMESTAMP NOT NULL
);
INSERT INTO new_examples SELECT * FROM examples;
DROP TABLE examples;
ALTER TABLE new_examples RENAME TO examples;

CREATE TABLE new_calls (
    key VARCHAR NOT NULL, model VARCHAR NOT NULL, messages JSON USING COMPRESSION zstd, params JSON,
    response VARCHAR USING COMPRESSION zstd,
    input_tokens BIGINT, output_tokens BIGINT, cost DOUBLE
);
INSERT INTO new_calls SELECT * FROM calls;
DROP TABLE calls;
ALTER TABLE new_calls RENAME TO calls;

CREATE TABLE new_scores (
    example_id VARCHAR NOT NULL, scorer VARCHAR NOT NULL, version VARCHAR NOT NULL, value DOUBLE, unscored_reason VARCHAR,
    rationale VARCHAR, evidence JSON, votes JSON
);
INSERT INTO new_scores SELECT * FROM scores;
DROP TABLE scores;
ALTER TABLE new_scores RENAME TO scores;

CREATE TABLE new_outcomes (
    slot_id VARCHAR NOT NULL, chunk_id VARCHAR NOT NULL, task VARCHAR NOT NULL, idx INTEGER NOT NULL,
    settings VARCHAR NOT NULL, state VARCHAR NOT NULL, reason VARCHAR, detail VARCHAR, raw VARCHAR,
    example_id VARCHAR, run_id VARCHAR NOT NULL
);
INSERT INTO new_outcomes SELECT * FROM outcomes;
DROP TABLE outcomes;
ALTER TABLE new_outcomes RENAME TO outcomes;

CREATE TABLE new_run_documents (run_id VARCHAR NOT NULL, document_id VARCHAR NOT NULL, uri VARCHAR NOT NULL);
INSERT INTO new_run_documents SELECT * FROM run_documents;
DROP TABLE run_documents;
ALTER TABLE new_run_documents RENAME TO run_documents;
