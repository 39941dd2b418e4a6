SELECT s.example_id, s.scorer, s.value, s.unscored_reason, e.generator, c.document_id
FROM scores s LEFT JOIN examples e ON e.id = s.example_id LEFT JOIN chunks c ON c.id = e.chunk_ids[1]
WHERE hash(s.example_id) % $every = 0 ORDER BY s.example_id, s.scorer
