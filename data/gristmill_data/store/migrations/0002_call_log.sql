-- What every sent call took: a row each, answered or not, of every run. Appended only; the ledger of segments
-- keeps it exactly-once, so there is no key to pay for. Several calls (samples) may share one request.
CREATE TABLE call_log (
    run_id VARCHAR NOT NULL, key VARCHAR NOT NULL, role VARCHAR NOT NULL, model VARCHAR NOT NULL, sent TIMESTAMP NOT NULL,
    seconds DOUBLE NOT NULL, waited DOUBLE NOT NULL, attempts INTEGER NOT NULL, samples INTEGER NOT NULL,
    input_tokens BIGINT NOT NULL, output_tokens BIGINT NOT NULL, cost DOUBLE, finish_reason VARCHAR, error VARCHAR,
    retried_for VARCHAR
);
-- Calls answered without sending anything (by the cache, or by an equal call in flight): only counted.
CREATE TABLE call_hits (run_id VARCHAR NOT NULL, role VARCHAR NOT NULL, model VARCHAR NOT NULL, calls BIGINT NOT NULL);

-- By run, role and model. Seconds are those of the attempt that was answered; waited is all the time before it.
-- Calls are counted, but for retries, which are requests sent once more.
CREATE VIEW call_stats AS
SELECT
    run_id, role, model, coalesce(answered, 0) AS answered, coalesce(failed, 0) AS failed,
    coalesce(cached, 0)::BIGINT AS cached, coalesce(retries, 0) AS retries,
    coalesce(input_tokens, 0) AS input_tokens, coalesce(output_tokens, 0) AS output_tokens, cost,
    coalesce(unpriced, 0) AS unpriced, p50, p95, p99, slowest, waited_p50, waited_p95, output_tokens_per_second,
    first_sent, last_answered
FROM (
    SELECT
        run_id, role, model,
        count(*) FILTER (error IS NULL) AS answered,
        count(*) FILTER (error IS NOT NULL) AS failed,
        sum((attempts - 1) / samples)::BIGINT AS retries,
        sum(input_tokens)::BIGINT AS input_tokens,
        sum(output_tokens)::BIGINT AS output_tokens,
        sum(cost) AS cost,
        count(*) FILTER (error IS NULL AND cost IS NULL) AS unpriced,
        quantile_cont(seconds, 0.5) FILTER (error IS NULL) AS p50,
        quantile_cont(seconds, 0.95) FILTER (error IS NULL) AS p95,
        quantile_cont(seconds, 0.99) FILTER (error IS NULL) AS p99,
        max(seconds) FILTER (error IS NULL) AS slowest,
        quantile_cont(waited, 0.5) FILTER (error IS NULL) AS waited_p50,
        quantile_cont(waited, 0.95) FILTER (error IS NULL) AS waited_p95,
        sum(output_tokens) / nullif(sum(seconds / samples) FILTER (error IS NULL), 0) AS output_tokens_per_second,
        min(sent) AS first_sent,
        max(sent + to_microseconds((seconds * 1e6)::BIGINT)) AS last_answered
    FROM call_log GROUP BY run_id, role, model
)
FULL JOIN (SELECT run_id, role, model, sum(calls) AS cached FROM call_hits GROUP BY run_id, role, model)
    USING (run_id, role, model);

-- Errors by kind: those a call failed of, and those it was sent again for.
CREATE VIEW call_errors AS
SELECT run_id, role, model, kind, sum(failed)::BIGINT AS failed, round(sum(retried))::BIGINT AS retried
FROM (
    SELECT run_id, role, model, error AS kind, 1 AS failed, 0.0::DOUBLE AS retried FROM call_log WHERE error IS NOT NULL
    UNION ALL
    SELECT run_id, role, model, unnest(string_split(retried_for, ',')), 0, 1 / samples FROM call_log
    WHERE retried_for IS NOT NULL
)
GROUP BY run_id, role, model, kind;
