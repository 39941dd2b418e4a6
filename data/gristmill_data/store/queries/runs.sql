SELECT run_id, name, started, finished, status, summary::VARCHAR AS summary, recipe::VARCHAR AS recipe,
    version FROM runs ORDER BY db_seq
