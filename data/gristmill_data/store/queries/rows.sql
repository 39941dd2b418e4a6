SELECT r.example_id, r.kind, r.generator, r.type, r.uri, r.document_id, r.status, r.stale,
    length(last_turn(r.messages, 'user')) AS instruction_chars,
    length(coalesce(r.chosen, last_turn(r.messages, 'assistant'))) AS response_chars, r.review, r.judge_state,
    length(r.chosen) AS chosen_chars, length(r.rejected) AS rejected_chars,
    (e.metadata ->> 'margin')::DOUBLE AS margin,
    coalesce(e.metadata ->> 'fault', e.metadata ->> 'strategy') AS contrast
FROM rows_ r JOIN examples e ON e.id = r.example_id
WHERE hash(r.example_id) % $every = 0 ORDER BY r.example_id
