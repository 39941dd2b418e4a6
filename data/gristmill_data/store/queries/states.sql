SELECT kind, judge_state, review, queue_status, count(*) AS n
FROM states WHERE NOT stale GROUP BY ALL ORDER BY kind, judge_state, review, queue_status
