-- A reviewer's first word is the one given before the words of others could be seen.
CREATE OR REPLACE TEMP TABLE said AS
WITH words_ AS (
    SELECT example_id, reviewer, min(seq) AS seq, arg_min(time, seq) AS time,
        arg_min(verdict, seq) AS verdict, arg_min(side, seq) AS side
    FROM opinions WHERE action <> 'adjudicate' AND (payload ->> 'bulk') IS NULL
    GROUP BY example_id, reviewer
)
SELECT w.example_id, w.reviewer, w.seq, w.time,
    CASE s.kind WHEN 'preference' THEN 'pairs' ELSE 'rows' END AS of_,
    CASE WHEN s.kind <> 'preference' THEN w.verdict
         WHEN w.verdict = 'rejected' THEN 'neither'
         WHEN w.side = 'rejected' THEN 'the other way round' ELSE 'as recorded' END AS said,
    s.judge_state AS judge
FROM words_ w JOIN states s ON s.example_id = w.example_id
