-- What rules in shadow would have done: how often requests and answers met one, by application.
SELECT principal_application, class, count(*) AS times, count(DISTINCT conversation) AS conversations,
       count(DISTINCT principal_key) AS keys, max(time) AS last_seen
FROM events
WHERE rules_shadow IS NOT NULL
GROUP BY principal_application, class
ORDER BY times DESC, principal_application, class
LIMIT 1000
