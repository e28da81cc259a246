-- Tokens of each key in each hour, the most expensive hours first.
SELECT principal_key, date_trunc('hour', time) AS hour, count(*) AS answers,
       sum(usage_input) AS input_tokens, sum(usage_output) AS output_tokens
FROM events
WHERE class = 'interaction_closed' AND usage_input IS NOT NULL
GROUP BY principal_key, date_trunc('hour', time)
ORDER BY sum(usage_input) + 4 * sum(usage_output) DESC, principal_key, hour
LIMIT 1000
