-- Accepted rows with their texts, as people changed them, and the passage they were made from. A span of evidence is
-- found when its quote stands in its chunk at the offsets that it names.
WITH taken AS (
    SELECT * FROM states WHERE status = 'accepted' AND NOT stale AND hash(example_id) % $every = 0
), spans AS (
    SELECT t.example_id, unnest(from_json(coalesce(e.metadata -> 'evidence', '[]'),
        '[{"chunk_id":"VARCHAR","start":"BIGINT","end":"BIGINT","quote":"VARCHAR"}]')) AS span
    FROM taken t JOIN examples e ON e.id = t.example_id
), found AS (
    SELECT s.example_id, count(*) AS spans, count(*) FILTER (
        substring(c.text, s.span.start - c.start_ + 1, s.span."end" - s.span.start) = s.span.quote) AS spans_found
    FROM spans s LEFT JOIN chunks c ON c.id = s.span.chunk_id GROUP BY s.example_id
)
SELECT t.example_id, t.kind, t.generator, t.type, t.document_id,
    left(array_to_string(list_transform(list_filter(turns(coalesce(d.messages, e.messages)),
        lambda turn: turn.role = 'system'), lambda turn: turn.content), chr(10)), $longest) AS system,
    left(last_turn(coalesce(d.messages, e.messages), 'user'), $longest) AS instruction,
    left(coalesce(d.chosen, e.chosen, last_turn(coalesce(d.messages, e.messages), 'assistant')), $longest)
        AS response,
    left(coalesce(d.rejected, e.rejected), $longest) AS rejected,
    left(coalesce(c.text, ''), $longest) AS passage,
    coalesce(f.spans, 0) AS spans, coalesce(f.spans_found, 0) AS spans_found
FROM taken t JOIN examples e ON e.id = t.example_id LEFT JOIN edited d ON d.example_id = t.example_id
LEFT JOIN chunks c ON c.id = t.chunk_id LEFT JOIN found f ON f.example_id = t.example_id
ORDER BY t.example_id
