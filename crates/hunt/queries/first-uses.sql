-- Keys, and when each was first used from each address: what is new is on top.
SELECT principal_key, client_address, min(time) AS first_seen, count(*) AS requests,
       count(DISTINCT model) AS models
FROM events
WHERE class = 'interaction_opened' AND principal_key IS NOT NULL AND client_address IS NOT NULL
GROUP BY principal_key, client_address
ORDER BY first_seen DESC, principal_key, client_address
LIMIT 1000
