-- Who asked Watchbell for what, and what came of it. A row is never changed, and is deleted
-- only by what forgets the past, which first writes up to when into `commands_kept`.
CREATE TABLE commands (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    sink    TEXT NOT NULL,
    room    TEXT NOT NULL,
    -- The name in the room, which proves nothing.
    nick    TEXT NOT NULL,
    -- What the network vouched for; NULL if it did not.
    account TEXT,
    -- Who of the configuration that was; NULL for nobody.
    person  TEXT,
    -- As it was written; a one-time code is blanked.
    line    TEXT NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('done', 'asked', 'refused', 'unknown')),
    -- Why it was refused.
    reason  TEXT NOT NULL DEFAULT '',
    -- Full names, a JSON list.
    objects TEXT NOT NULL CHECK (json_valid(objects))
) STRICT;
CREATE INDEX commands_at ON commands (at);

-- What is younger than this moment may not be deleted.
CREATE TABLE commands_kept (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    since INTEGER NOT NULL
) STRICT;
INSERT INTO commands_kept VALUES (1, 0);

CREATE TRIGGER commands_are_not_changed BEFORE UPDATE ON commands
BEGIN
    SELECT raise(ABORT, 'the audit of commands is never changed');
END;
CREATE TRIGGER commands_are_not_deleted BEFORE DELETE ON commands
WHEN OLD.at >= coalesce((SELECT since FROM commands_kept), 0)
BEGIN
    SELECT raise(ABORT, 'the audit of commands is kept for as long as [store] keep_commands says');
END;
