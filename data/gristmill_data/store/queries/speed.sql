SELECT run_id, role, model, answered, failed, cached, retries, p50, p95, waited_p95, output_tokens_per_second
FROM call_stats ORDER BY run_id, role, model
