-- The first schema. Moments are microseconds since 1970 in UTC; to read one:
--   SELECT datetime(at / 1000000, 'unixepoch') FROM deliveries;

-- What the engine remembers: JSON by kind and key.
CREATE TABLE state (
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- One finished text for one recipient each.
CREATE TABLE deliveries (
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
    status       TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dead')),
    -- The last reason why not; stays when a later attempt succeeds.
    note         TEXT NOT NULL DEFAULT '',
    attempts     INTEGER NOT NULL DEFAULT 0,
    -- NULL while an earlier delivery of the same lane is pending.
    not_before   INTEGER,
    last_attempt INTEGER,
    -- What the far side said when it accepted.
    receipt      TEXT
) STRICT;

CREATE INDEX deliveries_lane ON deliveries (sink, lane) WHERE status = 'pending';
CREATE INDEX deliveries_due ON deliveries (sink, not_before)
    WHERE status = 'pending' AND not_before IS NOT NULL;
CREATE INDEX deliveries_tried ON deliveries (sink, last_attempt)
    WHERE status = 'pending' AND last_attempt IS NOT NULL;
CREATE INDEX deliveries_object ON deliveries (object, at);
CREATE INDEX deliveries_ended ON deliveries (at) WHERE status <> 'pending';

-- Order inside a lane: the oldest pending delivery is its head, and only a head
-- has a not_before. These triggers keep that true, also when rows are changed
-- by hand, such as to send a dead one again:
--   UPDATE deliveries SET status = 'pending' WHERE id = 17;
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

-- What is asked of Icinga.
CREATE TABLE actions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    -- When it was kept, by the clock of this machine.
    kept_at INTEGER NOT NULL DEFAULT (CAST(unixepoch('subsec') * 1000000 AS INTEGER)),
    object  TEXT NOT NULL,
    verb    TEXT NOT NULL,
    author  TEXT NOT NULL,
    action  TEXT NOT NULL CHECK (json_valid(action)),
    status  TEXT NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'done', 'failed')),
    -- Icinga's words.
    outcome TEXT NOT NULL DEFAULT ''
) STRICT;

CREATE INDEX actions_pending ON actions (id) WHERE status = 'pending';
CREATE INDEX actions_ended ON actions (kept_at) WHERE status <> 'pending';

-- What was decided, and why.
CREATE TABLE decisions (
    id       INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    event    TEXT NOT NULL,
    object   TEXT NOT NULL,
    incident INTEGER,
    summary  TEXT NOT NULL,
    verdict  TEXT NOT NULL,
    steps    TEXT NOT NULL,
    ruleset  TEXT NOT NULL
) STRICT;

CREATE INDEX decisions_object ON decisions (object, at);
CREATE INDEX decisions_at ON decisions (at);
