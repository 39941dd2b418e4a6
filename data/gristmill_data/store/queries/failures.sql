SELECT uri, reason, coalesce(detail, '') AS detail FROM file_failures
WHERE run_id IN (SELECT run_id FROM latest_runs) OR NOT EXISTS (FROM latest_runs) ORDER BY uri, reason
