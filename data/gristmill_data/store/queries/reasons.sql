WITH told AS (
    SELECT o.reviewer, unnest(CASE WHEN o.tags = [] THEN ['in words only'] ELSE o.tags END) AS reason,
        (o.payload ->> 'bulk') IS NOT NULL AS bulk
    FROM opinions o JOIN words w ON w.seq = o.seq
    WHERE o.verdict = 'rejected' AND o.action IN ('reject', 'regenerate')
)
SELECT reviewer, reason, bulk, count(*) AS n FROM told GROUP BY ALL ORDER BY ALL
