-- Characters and tokens of prompts as servers counted them, for the ratio of both and its error.
WITH taken AS (
    SELECT model, input_tokens::DOUBLE AS tokens,
        list_sum(list_transform(turns(messages), lambda turn: length(turn.content)))::DOUBLE AS chars
    FROM calls WHERE input_tokens > 0 AND model NOT LIKE 'offline:%' ORDER BY hash(key) LIMIT $rows
)
SELECT model, count(*) AS n, sum(chars) AS chars, sum(tokens) AS tokens, sum(chars * chars) AS cc,
    sum(chars * tokens) AS ct, sum(tokens * tokens) AS tt
FROM taken WHERE chars > 0 GROUP BY model ORDER BY model
