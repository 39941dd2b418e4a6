-- Seconds from one decision of a person to the next; a longer time than that of a pause is none.
WITH gaps AS (
    SELECT reviewer, time::DATE AS day,
        epoch(time - lag(time) OVER (PARTITION BY reviewer ORDER BY seq)) AS seconds
    FROM review_events WHERE action NOT IN ('undo', 'requeue') AND (payload ->> 'bulk') IS NULL
)
SELECT reviewer, day, count(*) AS n, count(*) FILTER (seconds <= $pause) AS timed,
    quantile_cont(seconds, 0.25) FILTER (seconds <= $pause) AS quarter,
    quantile_cont(seconds, 0.5) FILTER (seconds <= $pause) AS median,
    quantile_cont(seconds, 0.75) FILTER (seconds <= $pause) AS three_quarters
FROM gaps GROUP BY reviewer, day ORDER BY reviewer, day
