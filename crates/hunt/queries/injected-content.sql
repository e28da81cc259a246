-- Requests with content that gives the model orders, and how they ended: which conversations read it, and what came of it.
SELECT o.time, o.interaction, o.conversation, o.principal_key, o.principal_application, o.decision_outcome,
       c.ending, c.risk, c.status
FROM events AS o
LEFT JOIN events AS c ON c.interaction = o.interaction AND c.class = 'interaction_closed'
WHERE o.class = 'interaction_opened' AND array_has(o.findings_kind, 'injection')
  AND (array_has(o.findings_provenance, 'retrieved') OR array_has(o.findings_provenance, 'tool_result')
       OR array_has(o.findings_provenance, 'memory') OR array_has(o.findings_provenance, 'file'))
ORDER BY o.time DESC, o.interaction
LIMIT 1000
