SELECT model, count(*) AS n, coalesce(sum(input_tokens), 0)::BIGINT AS input_tokens,
    coalesce(sum(output_tokens), 0)::BIGINT AS output_tokens, sum(cost) AS cost
FROM calls GROUP BY model ORDER BY model
