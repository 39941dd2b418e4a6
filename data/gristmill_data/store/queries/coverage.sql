WITH current_ AS (
    SELECT DISTINCT document_id FROM run_documents WHERE run_id IN (SELECT run_id FROM latest_runs)
),
        tally AS (
            SELECT chunk_id, count(*) FILTER (state = 'accepted') AS accepted,
                count(*) FILTER (state = 'rejected') AS rejected, count(*) FILTER (state = 'failed') AS failed
            FROM outcomes GROUP BY chunk_id
        ), used AS (
            SELECT DISTINCT chunk_id FROM states WHERE status = 'accepted'
        ), spans AS (
            SELECT c.document_id, c.start_, c.end_, max(c.end_) OVER (
                PARTITION BY c.document_id ORDER BY c.start_, c.end_
                ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
            FROM chunks c SEMI JOIN used ON used.chunk_id = c.id
        ), covered AS (
            SELECT document_id, sum(greatest(end_ - greatest(start_, coalesce(before, 0)), 0))::BIGINT AS chars
            FROM spans GROUP BY document_id
        ), per_document AS (
            SELECT c.document_id, count(*) AS chunks, count(u.chunk_id) AS chunks_used,
                coalesce(sum(t.accepted), 0)::BIGINT AS accepted, coalesce(sum(t.rejected), 0)::BIGINT AS rejected,
                coalesce(sum(t.failed), 0)::BIGINT AS failed
            FROM chunks c LEFT JOIN used u ON u.chunk_id = c.id LEFT JOIN tally t ON t.chunk_id = c.id
            GROUP BY c.document_id
        ), seen AS (
            SELECT document_id, count(*) AS rows, count(*) FILTER (voices > 0 OR review IS NOT NULL) AS reviewed,
                count(*) FILTER (review = 'accepted') AS kept
            FROM states GROUP BY document_id
        )
        SELECT d.uri, d.media_type, length(d.text) AS chars, coalesce(p.chunks, 0) AS chunks,
            coalesce(p.chunks_used, 0) AS chunks_used, coalesce(v.chars, 0) AS covered_chars,
            coalesce(p.accepted, 0) AS accepted, coalesce(p.rejected, 0) AS rejected,
            coalesce(p.failed, 0) AS failed, coalesce(s.rows, 0) AS rows, coalesce(s.reviewed, 0) AS reviewed,
            coalesce(s.kept, 0) AS kept
        FROM documents d LEFT JOIN seen s ON s.document_id = d.id LEFT JOIN per_document p ON p.document_id = d.id
        LEFT JOIN covered v ON v.document_id = d.id
        WHERE d.id IN (FROM current_) OR NOT EXISTS (FROM current_) ORDER BY d.uri, d.id
