-- Answers in which tokens, keys or planted values were found, by application and model.
SELECT principal_application, model, count(*) AS answers, count(DISTINCT conversation) AS conversations,
       sum(CASE WHEN ending = 'blocked' THEN 1 ELSE 0 END) AS stopped, max(time) AS last_seen
FROM events
WHERE class = 'interaction_closed'
  AND (array_has(rules, 'secrets-in-answer') OR array_has(findings_kind, 'canary.verbatim')
       OR array_has(findings_kind, 'canary.encoded'))
GROUP BY principal_application, model
ORDER BY answers DESC, principal_application, model
LIMIT 1000
