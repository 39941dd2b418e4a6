-- What training may never see, and what it has seen. All tables here are only appended to: a document that is held out
-- stays held out, and an export that was written stays written.
CREATE SEQUENCE takeout_order;

-- Each time that a benchmark was made. canary: a GUID of the benchmark's own, that of its first entry. settings: how its
-- documents were chosen.
CREATE TABLE benchmarks (
    seq BIGINT NOT NULL DEFAULT nextval('takeout_order'), name VARCHAR NOT NULL, canary VARCHAR NOT NULL,
    settings JSON NOT NULL, note VARCHAR NOT NULL, author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

-- Documents that are held out, by which benchmark, and why each of them (drawn, named, or like another one). The name
-- of a document counts as well: all versions of it, older and later ones, are on the same side.
CREATE TABLE holdouts (
    seq BIGINT NOT NULL DEFAULT nextval('takeout_order'), benchmark VARCHAR NOT NULL, document_id VARCHAR NOT NULL,
    uri VARCHAR NOT NULL, reason VARCHAR NOT NULL, author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

-- Files of rows that left the dataset, and the documents that those rows come from. Entered before the file appears.
-- held_out_rows: how many of the rows are of documents that are held out.
CREATE TABLE exports (
    seq BIGINT NOT NULL DEFAULT nextval('takeout_order'), export_id VARCHAR NOT NULL, format VARCHAR NOT NULL,
    path VARCHAR NOT NULL, statuses VARCHAR NOT NULL, rows BIGINT NOT NULL, held_out_rows BIGINT NOT NULL,
    author VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);
CREATE TABLE export_documents (export_id VARCHAR NOT NULL, document_id VARCHAR NOT NULL);
