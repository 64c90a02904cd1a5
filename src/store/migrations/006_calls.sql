-- Who is called by an escalation does not wait for a digest, as who is called by time.
DROP INDEX deliveries_calls;
CREATE INDEX deliveries_calls ON deliveries (sink, target, recipient)
    WHERE status = 'pending' AND event IN ('Timer', 'Reminder', 'Escalation', 'Page');
