-- How long answers of each upstream and model take, in microseconds, hour by hour, the slowest first.
SELECT upstream, model, date_trunc('hour', time) AS hour, count(*) AS answers,
       avg(duration_us) AS mean_us, max(duration_us) AS longest_us
FROM events
WHERE class = 'interaction_closed' AND ending = 'answered' AND upstream IS NOT NULL
GROUP BY upstream, model, date_trunc('hour', time)
ORDER BY avg(duration_us) DESC, upstream, model, hour
LIMIT 1000
