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
    -- Of a digest of a storm: how many deliveries it stands for.
    folded       INTEGER,
    -- Of a dead one: whether it has been told that nobody got it.
    heard        INTEGER NOT NULL DEFAULT 0,
    -- Of one that had been given up: when somebody asked to have it sent after all.
    revived_at   INTEGER
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

-- Of an action that has ended: whether who asked for it has been answered.
ALTER TABLE actions ADD COLUMN heard INTEGER NOT NULL DEFAULT 0;
UPDATE actions SET heard = 1 WHERE status <> 'pending';
CREATE INDEX actions_unheard ON actions (id) WHERE status <> 'pending' AND heard = 0;

-- The triggers of the first schema, as they were: they went with the old table. Those
-- who send a dead one again write `watchbell dead replay d17`.
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
-- Dead letters, by when they were given up.
CREATE INDEX deliveries_dead ON deliveries (coalesce(last_attempt, at), id) WHERE status = 'dead';

-- A try of the former head of a lane may end when an older delivery was revived: what it
-- says of the next try does not make it a head.
CREATE TRIGGER deliveries_overtaken AFTER UPDATE OF not_before ON deliveries
WHEN NEW.status = 'pending' AND NEW.not_before IS NOT NULL AND EXISTS (
    SELECT 1 FROM deliveries
    WHERE sink = NEW.sink AND lane = NEW.lane AND status = 'pending' AND id < NEW.id)
BEGIN
    UPDATE deliveries SET not_before = NULL WHERE id = NEW.id;
END;
CREATE INDEX deliveries_digests ON deliveries (sink, target, recipient)
    WHERE status = 'pending' AND folded IS NOT NULL;
CREATE INDEX deliveries_folded ON deliveries (at) WHERE folded IS NOT NULL;
CREATE INDEX deliveries_calls ON deliveries (sink, target, recipient)
    WHERE status = 'pending' AND event IN ('Timer', 'Reminder');

-- Decisions are forgotten in the order in which they were kept.
DROP INDEX decisions_at;
