WITH paid AS (
    SELECT run_id, sum(cost) AS cost, sum(answered + failed) AS calls, sum(unpriced) AS unpriced
    FROM call_stats GROUP BY run_id
), decided AS (
    SELECT run_id, count(*) AS asked, count(*) FILTER (state = 'accepted') AS accepted FROM outcomes GROUP BY run_id
), kept AS (
    SELECT run_id, count(*) AS kept FROM states WHERE status = 'accepted' AND NOT stale GROUP BY run_id
)
SELECT r.run_id, r.name, r.started, p.cost, coalesce(p.calls, 0) AS calls, coalesce(p.unpriced, 0) AS unpriced,
    coalesce(d.asked, 0) AS asked, coalesce(d.accepted, 0) AS accepted, coalesce(k.kept, 0) AS kept
FROM runs r LEFT JOIN paid p ON p.run_id = r.run_id LEFT JOIN decided d ON d.run_id = r.run_id
LEFT JOIN kept k ON k.run_id = r.run_id ORDER BY r.db_seq
