SELECT task, state, coalesce(reason, '') AS reason, count(*) AS n
FROM outcomes GROUP BY ALL ORDER BY task, state, n DESC, reason
