-- Conversations that were refused by policy more than once, with how often a request of theirs was let through: read those that were.
SELECT conversation, principal_key, count(*) AS requests,
       sum(CASE WHEN decision_outcome = 'refused' THEN 1 ELSE 0 END) AS refused,
       sum(CASE WHEN decision_outcome = 'allowed' THEN 1 ELSE 0 END) AS allowed,
       min(time) AS first_seen, max(time) AS last_seen
FROM events
WHERE class = 'interaction_opened' AND conversation IS NOT NULL
GROUP BY conversation, principal_key
HAVING sum(CASE WHEN decision_reason = 'policy_block' THEN 1 ELSE 0 END) >= 2
ORDER BY refused DESC, conversation
LIMIT 1000
