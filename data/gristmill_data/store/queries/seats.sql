-- Scores of the members of juries, and of judges that are named with a value of their own.
WITH said AS (
    SELECT s.example_id, s.scorer, r.document_id, unnest(from_json(s.votes,
        '[{"judge":"VARCHAR","value":"DOUBLE","jury":"VARCHAR"}]')) AS vote
    FROM scores s JOIN states r ON r.example_id = s.example_id
    WHERE NOT r.stale AND hash(s.example_id) % $every = 0 AND json_exists(s.votes, '$[1].judge')
)
SELECT example_id, scorer, document_id, vote.judge AS judge, vote.value AS value
FROM said WHERE vote.jury IS NULL AND vote.judge IS NOT NULL ORDER BY scorer, judge, example_id
