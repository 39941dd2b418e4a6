-- Criteria of rubric judges by document: how often met, and how often what was met did not count (its quote stands
-- nowhere). agreement: of rows whose judge voted several times, the share of votes that agree.
WITH said AS (
    SELECT s.scorer, r.document_id, unnest(from_json(s.votes,
        '[{"criterion":"VARCHAR","points":"DOUBLE","met":"BOOLEAN","counted":"BOOLEAN","agreement":"DOUBLE"}]')) AS vote
    FROM scores s JOIN states r ON r.example_id = s.example_id
    WHERE NOT r.stale AND hash(s.example_id) % $every = 0 AND s.value IS NOT NULL
      AND json_exists(s.votes, '$[0].criterion')
)
SELECT scorer, vote.criterion AS criterion, max(vote.points) AS points, document_id,
    count(vote.met) AS n, count(*) FILTER (vote.met) AS met, count(*) FILTER (vote.met AND NOT vote.counted) AS void_,
    count(vote.agreement) AS voted, coalesce(sum(vote.agreement), 0) AS agreement
FROM said WHERE vote.criterion IS NOT NULL GROUP BY ALL ORDER BY scorer, criterion, document_id
