WITH ranked AS (
    SELECT *, row_number() OVER (
        PARTITION BY kind, generator, status, reason ORDER BY md5_number_lower(example_id)) AS place_
    FROM states WHERE NOT stale
), taken AS (
    SELECT * FROM ranked ORDER BY place_, kind, generator, status, reason LIMIT $limit
), marks AS (
    SELECT example_id, to_json(list({'scorer': scorer, 'value': value,
        'unscored_reason': unscored_reason, 'rationale': rationale} ORDER BY scorer)) AS scores
    FROM scores WHERE example_id IN (SELECT example_id FROM taken) GROUP BY example_id
)
SELECT t.example_id, t.kind, t.generator, t.type, t.status,
    coalesce(t.review_reason, t.reason, '') AS reason, t.uri, c.heading_path,
    last_turn(coalesce(d.messages, e.messages), 'user') AS instruction,
    coalesce(d.chosen, e.chosen, last_turn(coalesce(d.messages, e.messages), 'assistant')) AS response,
    coalesce(d.chosen, e.chosen) AS chosen, coalesce(d.rejected, e.rejected) AS rejected,
    coalesce((e.metadata -> 'evidence')::VARCHAR, '[]') AS evidence,
    coalesce(m.scores::VARCHAR, '[]') AS scores
FROM taken t JOIN examples e ON e.id = t.example_id LEFT JOIN edited d ON d.example_id = t.example_id
LEFT JOIN chunks c ON c.id = t.chunk_id LEFT JOIN marks m ON m.example_id = t.example_id
ORDER BY t.kind, t.generator, t.status, t.place_
