-- Which tier decided a match, and whether the item's question or its answer was found; unknown for older rows.
ALTER TABLE matches ADD COLUMN tier VARCHAR;
ALTER TABLE matches ADD COLUMN side VARCHAR;

-- Whether people found the label of a match right. Appended, never changed: the last word of each reviewer counts,
-- and one without a word (is_right null) takes the earlier one back. Score and tier are those that were judged: a
-- match may be found anew with others.
CREATE SEQUENCE match_verdict_order;
CREATE TABLE match_verdicts (
    verdict_id VARCHAR PRIMARY KEY, seq BIGINT NOT NULL DEFAULT nextval('match_verdict_order'),
    example_id VARCHAR NOT NULL, benchmark VARCHAR NOT NULL, item_id VARCHAR NOT NULL, label VARCHAR NOT NULL,
    score DOUBLE NOT NULL, tier VARCHAR NOT NULL, is_right BOOLEAN, reviewer VARCHAR NOT NULL, time TIMESTAMP NOT NULL
);

CREATE VIEW match_opinions AS
SELECT * FROM (
    SELECT *, row_number() OVER (
        PARTITION BY example_id, benchmark, item_id, label, reviewer ORDER BY seq DESC) AS age
    FROM match_verdicts
) WHERE age = 1 AND is_right IS NOT NULL;
