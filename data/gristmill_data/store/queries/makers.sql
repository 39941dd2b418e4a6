-- What the calls behind each generator's rows used: every call once, those of rows not accepted among them.
WITH used AS (
    SELECT DISTINCT generator, unnest(calls) AS key FROM examples
), paid AS (
    SELECT u.generator, count(*) AS calls, coalesce(sum(c.input_tokens), 0)::BIGINT AS input_tokens,
        coalesce(sum(c.output_tokens), 0)::BIGINT AS output_tokens, sum(c.cost) AS cost,
        count(*) FILTER (c.cost IS NULL) AS unpriced
    FROM used u JOIN calls c ON c.key = u.key GROUP BY u.generator
), made AS (
    SELECT generator, count(*) AS rows, count(*) FILTER (status = 'accepted') AS accepted
    FROM states WHERE NOT stale GROUP BY generator
)
SELECT m.generator, m.rows, m.accepted, coalesce(p.calls, 0) AS calls, coalesce(p.input_tokens, 0) AS input_tokens,
    coalesce(p.output_tokens, 0) AS output_tokens, p.cost, coalesce(p.unpriced, 0) AS unpriced
FROM made m LEFT JOIN paid p ON p.generator = m.generator ORDER BY m.generator
