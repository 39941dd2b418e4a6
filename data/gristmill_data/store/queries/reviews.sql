SELECT reviewer, action, coalesce((payload ->> 'reason'), '') AS reason, count(*) AS n
FROM review_events GROUP BY ALL ORDER BY reviewer, action, reason
