-- What was known when something was decided, and a quick way to all of one incident.
ALTER TABLE decisions ADD COLUMN facts TEXT NOT NULL DEFAULT '{}';

CREATE INDEX decisions_incident ON decisions (incident, at) WHERE incident IS NOT NULL;
CREATE INDEX deliveries_incident ON deliveries (incident, at) WHERE incident IS NOT NULL;
