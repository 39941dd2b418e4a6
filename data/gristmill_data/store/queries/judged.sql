-- The first word on each row, so that rows and not words are counted. At most 12 windows of equally many rows, in
-- the order of their first words, none of fewer than 20.
WITH first_words AS (
    SELECT example_id, any_value(judge) AS judge, min(seq) AS seq, arg_min(time, seq) AS time,
        CASE WHEN arg_min(said, seq) IN ('accepted', 'as recorded') THEN 'accepted' ELSE 'rejected' END AS people
    FROM said WHERE judge IN ('accepted', 'rejected') GROUP BY example_id
), placed AS (
    SELECT *, ((row_number() OVER (ORDER BY seq) - 1) * greatest(1, least(12, count(*) OVER () // 20)))
        // count(*) OVER () AS window_
    FROM first_words
), spans AS (
    SELECT window_, min(time) AS first, max(time) AS last FROM placed GROUP BY window_
)
SELECT p.window_, s.first, s.last, p.judge, p.people, count(*) AS n
FROM placed p JOIN spans s USING (window_) GROUP BY ALL ORDER BY ALL
