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
    coalesce(metadata ->> 'fault', metadata ->> 'strategy') AS contrast,
    -- all that a trainer reads of a row: of a pair the prompt with the longer of its responses
    coalesce(list_sum(list_transform(said, lambda turn: length(turn.content))), 0)::BIGINT
        + greatest(coalesce(length(chosen_), 0), coalesce(length(rejected_), 0)) AS total_chars,
    len(said) + (chosen_ IS NOT NULL)::INTEGER AS turns
FROM texts ORDER BY example_id
