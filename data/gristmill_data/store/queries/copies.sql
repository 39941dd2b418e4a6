-- Exact copies among all accepted rows, case and punctuation aside: by what is asked, and by the whole row.
WITH texts AS (
    SELECT s.kind, lower(last_turn(coalesce(d.messages, e.messages), 'user')) AS asked,
        lower(all_text(coalesce(d.messages, e.messages), coalesce(d.chosen, e.chosen),
            coalesce(d.rejected, e.rejected))) AS whole
    FROM states s JOIN examples e ON e.id = s.example_id LEFT JOIN edited d ON d.example_id = s.example_id
    WHERE s.status = 'accepted' AND NOT s.stale
), keys AS (
    SELECT hash(kind, regexp_replace(asked, '[^\p{L}\p{N}]+', ' ', 'g')) AS asked,
        hash(kind, regexp_replace(whole, '[^\p{L}\p{N}]+', ' ', 'g')) AS whole FROM texts
), long AS (
    SELECT 'row' AS of_, whole AS key FROM keys UNION ALL SELECT 'instruction', asked FROM keys
), groups_ AS (
    SELECT of_, key, count(*) AS n FROM long GROUP BY of_, key
)
SELECT of_, sum(n)::BIGINT AS rows, sum(n - 1)::BIGINT AS repeated, count(*) FILTER (n > 1) AS groups, max(n) AS largest
FROM groups_ GROUP BY of_ ORDER BY of_ DESC
