SELECT m.example_id, m.benchmark, m.item_id, m.label, m.score,
    all_text(e.messages, e.chosen, e.rejected) AS example_text, m.item_text,
    m.example_start, m.example_end, m.item_start, m.item_end, r.status, coalesce(m.tier, '') AS tier,
    coalesce(m.side, 'question') AS side
FROM matches m JOIN examples e ON e.id = m.example_id JOIN states r ON r.example_id = m.example_id
WHERE hash(m.example_id) % $every = 0 ORDER BY m.score DESC, m.example_id, m.benchmark, m.item_id
