-- Changes to keys, secrets, isolations and break-glass, the latest first: who, what, to what, why.
SELECT time, actor, operation, target, why
FROM events
WHERE class = 'administration'
ORDER BY time DESC, sequence DESC
LIMIT 1000
