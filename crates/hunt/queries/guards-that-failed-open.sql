-- Messages that went on although a guard could not look at them, hour by hour.
SELECT date_trunc('hour', time) AS hour, class, count(*) AS messages, count(DISTINCT principal_key) AS keys,
       count(DISTINCT conversation) AS conversations
FROM events
WHERE array_has(guards_status, 'failed_open')
GROUP BY date_trunc('hour', time), class
ORDER BY hour DESC, class
LIMIT 1000
