-- What judges of pairs said, in each order: 1 chosen, 2 rejected, tie, null where it could not be read.
SELECT s.example_id, s.scorer, r.generator, r.document_id, s.value,
    s.votes ->> '$[0].winner_forward' AS forward, s.votes ->> '$[0].winner_swapped' AS swapped,
    json_exists(s.votes, '$[0].winner_swapped') AS both, coalesce(s.votes ->> '$[0].position', '') AS position,
    (s.votes ->> '$[0].chars[0]')::BIGINT AS chosen_chars, (s.votes ->> '$[0].chars[1]')::BIGINT AS rejected_chars
FROM scores s JOIN states r ON r.example_id = s.example_id
WHERE NOT r.stale AND hash(s.example_id) % $every = 0 AND json_exists(s.votes, '$[0].winner_forward')
ORDER BY s.scorer, s.example_id
