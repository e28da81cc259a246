-- From how many addresses each key was used, and for how many models: keys that are shared, or stolen.
SELECT principal_key, count(DISTINCT client_address) AS addresses, count(DISTINCT model) AS models,
       count(*) AS requests, min(time) AS first_seen, max(time) AS last_seen
FROM events
WHERE class = 'interaction_opened' AND principal_key IS NOT NULL
GROUP BY principal_key
ORDER BY addresses DESC, principal_key
LIMIT 1000
