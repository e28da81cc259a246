-- Requests with parts that no guard could read, by application and model.
SELECT principal_application, model, count(*) AS requests, count(DISTINCT conversation) AS conversations,
       max(time) AS last_seen
FROM events
WHERE class = 'interaction_opened' AND unscanned_path IS NOT NULL
GROUP BY principal_application, model
ORDER BY requests DESC, principal_application, model
LIMIT 1000
