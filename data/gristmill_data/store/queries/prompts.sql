-- What the models were told before the passage: system turns of the calls behind some accepted rows of each generator.
WITH ranked AS (
    SELECT example_id, generator, row_number() OVER (
        PARTITION BY generator ORDER BY md5_number_lower(example_id)) AS place_
    FROM states WHERE status = 'accepted' AND NOT stale
), used AS (
    SELECT DISTINCT r.generator, unnest(e.calls) AS key
    FROM ranked r JOIN examples e ON e.id = r.example_id WHERE r.place_ <= $rows
), told AS (
    SELECT u.generator, unnest(turns(c.messages)) AS turn FROM used u JOIN calls c ON c.key = u.key
), counts AS (
    SELECT generator, left(turn.content, $longest) AS text, count(*) AS n
    FROM told WHERE turn.role = 'system' GROUP BY ALL
)
SELECT generator, text, n FROM counts
QUALIFY row_number() OVER (PARTITION BY generator ORDER BY n DESC, text) <= $limit ORDER BY generator, n DESC, text
