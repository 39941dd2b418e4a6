WITH counted AS (
    SELECT of_, count(*) FILTER (said = 'accepted') AS a, count(*) FILTER (said = 'rejected') AS b,
        count(*) FILTER (said = 'as recorded') AS c, count(*) FILTER (said = 'the other way round') AS d,
        count(*) FILTER (said = 'neither') AS e
    FROM said GROUP BY example_id, of_ HAVING count(*) > 1
), patterns AS (
    SELECT of_, a, b, c, d, e, count(*) AS n FROM counted GROUP BY ALL
)
SELECT of_, to_json(CASE of_ WHEN 'rows' THEN [{'said': 'accepted', 'votes': a}, {'said': 'rejected', 'votes': b}]
    ELSE [{'said': 'as recorded', 'votes': c}, {'said': 'the other way round', 'votes': d},
          {'said': 'neither', 'votes': e}] END)::VARCHAR AS votes, n
FROM patterns ORDER BY ALL
