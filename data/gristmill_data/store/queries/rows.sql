SELECT example_id, kind, generator, type, uri, document_id, status, stale,
    length(last_turn(messages, 'user')) AS instruction_chars,
    length(coalesce(chosen, last_turn(messages, 'assistant'))) AS response_chars, review, judge_state
FROM rows_ WHERE hash(example_id) % $every = 0 ORDER BY example_id
