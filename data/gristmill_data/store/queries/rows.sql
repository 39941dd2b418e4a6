WITH texts AS (
    SELECT s.*, turns(coalesce(t.messages, e.messages)) AS said, coalesce(t.chosen, e.chosen) AS chosen_,
        coalesce(t.rejected, e.rejected) AS rejected_, e.metadata
    FROM states s JOIN examples e ON e.id = s.example_id LEFT JOIN edited t ON t.example_id = s.example_id
    WHERE hash(s.example_id) % $every = 0
)
SELECT example_id, kind, generator, type, uri, document_id, status, stale,
    length(coalesce(list_filter(said, lambda turn: turn.role = 'user')[-1].content, '')) AS instruction_chars,
    length(coalesce(chosen_, list_filter(said, lambda turn: turn.role = 'assistant')[-1].content, ''))
        AS response_chars,
    review, judge_state, length(chosen_) AS chosen_chars, length(rejected_) AS rejected_chars,
    (metadata ->> 'margin')::DOUBLE AS margin,
    coalesce(metadata ->> 'fault', metadata ->> 'strategy') AS contrast
FROM texts ORDER BY example_id
