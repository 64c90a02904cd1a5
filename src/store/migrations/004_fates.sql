-- What may become of a delivery besides `sent` and `dead`, and what it says in short.
-- A table with a CHECK is changed by filling a new one.
CREATE TABLE deliveries_new (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT NOT NULL UNIQUE,
    at           INTEGER NOT NULL,
    sink         TEXT NOT NULL,
    target       TEXT NOT NULL,
    recipient    TEXT NOT NULL,
    lane         TEXT NOT NULL,
    event        TEXT NOT NULL,
    object       TEXT NOT NULL,
    incident     INTEGER,
    rule         TEXT NOT NULL,
    message      TEXT NOT NULL CHECK (json_valid(message)),
    status       TEXT NOT NULL DEFAULT 'pending'
                 CHECK (status IN ('pending', 'sent', 'dead', 'superseded', 'digested')),
    -- The last reason why not; stays when a later attempt succeeds.
    note         TEXT NOT NULL DEFAULT '',
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- NULL while an earlier delivery of the same lane is pending.
    not_before   INTEGER,
    last_attempt INTEGER,
    -- What the far side said when it accepted.
    receipt      TEXT,
    tells        TEXT NOT NULL DEFAULT 'other' CHECK (tells IN ('problem', 'recovery', 'other')),
    -- The state that it tells, in Icinga's words.
    state        TEXT,
    severity     INTEGER NOT NULL DEFAULT 0,
    -- What the object belongs to, for digests.
    grouping     TEXT NOT NULL DEFAULT '',
    words        TEXT NOT NULL DEFAULT '',
    -- The delivery that is sent in its stead, if it is superseded or digested.
    parent       INTEGER,
    -- Of a dead one: whether it has been told that nobody got it.
    heard        INTEGER NOT NULL DEFAULT 0
) STRICT;

INSERT INTO deliveries_new
    (id, key, at, sink, target, recipient, lane, event, object, incident, rule, message, status,
     note, attempts, not_before, last_attempt, receipt, heard)
SELECT id, key, at, sink, target, recipient, lane, event, object, incident, rule, message, status,
       note, attempts, not_before, last_attempt, receipt, status = 'dead'
FROM deliveries;
-- Numbers are not used twice, also not those of rows that are forgotten.
DELETE FROM sqlite_sequence WHERE name = 'deliveries_new';
INSERT INTO sqlite_sequence SELECT 'deliveries_new', seq FROM sqlite_sequence WHERE name = 'deliveries';
DROP TABLE deliveries;
ALTER TABLE deliveries_new RENAME TO deliveries;

CREATE INDEX deliveries_lane ON deliveries (sink, lane) WHERE status = 'pending';
CREATE INDEX deliveries_due ON deliveries (sink, not_before)
    WHERE status = 'pending' AND not_before IS NOT NULL;
CREATE INDEX deliveries_tried ON deliveries (sink, last_attempt)
    WHERE status = 'pending' AND last_attempt IS NOT NULL;
CREATE INDEX deliveries_object ON deliveries (object, at);
CREATE INDEX deliveries_ended ON deliveries (at) WHERE status <> 'pending';

-- The triggers of the first schema, as they were: they went with the old table.
CREATE TRIGGER deliveries_joined AFTER INSERT ON deliveries
WHEN NEW.status = 'pending'
BEGIN
    UPDATE deliveries SET not_before = 0
    WHERE id = NEW.id AND NOT EXISTS (
        SELECT 1 FROM deliveries
        WHERE sink = NEW.sink AND lane = NEW.lane AND status = 'pending' AND id < NEW.id);
END;

CREATE TRIGGER deliveries_left AFTER UPDATE OF status ON deliveries
WHEN OLD.status = 'pending' AND NEW.status <> 'pending'
BEGIN
    UPDATE deliveries SET not_before = 0
    WHERE not_before IS NULL AND id = (
        SELECT min(id) FROM deliveries
        WHERE sink = NEW.sink AND lane = NEW.lane AND status = 'pending');
END;

CREATE TRIGGER deliveries_removed AFTER DELETE ON deliveries
WHEN OLD.status = 'pending'
BEGIN
    UPDATE deliveries SET not_before = 0
    WHERE not_before IS NULL AND id = (
        SELECT min(id) FROM deliveries
        WHERE sink = OLD.sink AND lane = OLD.lane AND status = 'pending');
END;

CREATE TRIGGER deliveries_revived AFTER UPDATE OF status ON deliveries
WHEN OLD.status <> 'pending' AND NEW.status = 'pending'
BEGIN
    UPDATE deliveries SET not_before = NULL
    WHERE sink = NEW.sink AND lane = NEW.lane AND status = 'pending';
    UPDATE deliveries SET not_before = 0
    WHERE id = (
        SELECT min(id) FROM deliveries
        WHERE sink = NEW.sink AND lane = NEW.lane AND status = 'pending');
END;
CREATE INDEX deliveries_incident ON deliveries (incident, at) WHERE incident IS NOT NULL;
CREATE INDEX deliveries_parent ON deliveries (parent) WHERE parent IS NOT NULL;
CREATE INDEX deliveries_unheard ON deliveries (id) WHERE status = 'dead' AND heard = 0;
CREATE INDEX deliveries_waiting ON deliveries (sink, target, recipient, id) WHERE status = 'pending';

-- Decisions are forgotten in the order in which they were kept.
DROP INDEX decisions_at;
