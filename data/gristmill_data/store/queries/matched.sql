SELECT benchmark, label, count(*) AS n FROM matches GROUP BY ALL ORDER BY ALL
