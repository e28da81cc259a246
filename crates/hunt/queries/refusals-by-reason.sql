-- Why requests were refused, by key: what is wrong with a grant, a limit, a client, or somebody.
SELECT principal_key, reason, status, count(*) AS refusals, min(time) AS first_seen, max(time) AS last_seen
FROM events
WHERE class = 'interaction_closed' AND ending IN ('refused', 'malformed') AND reason IS NOT NULL
GROUP BY principal_key, reason, status
ORDER BY refusals DESC, principal_key, reason, status
LIMIT 1000
