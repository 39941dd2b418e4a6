SELECT a.of_, a.reviewer AS one, b.reviewer AS other, a.said AS said_one, b.said AS said_other, count(*) AS n
FROM said a JOIN said b ON b.example_id = a.example_id AND a.reviewer < b.reviewer
GROUP BY ALL ORDER BY ALL
