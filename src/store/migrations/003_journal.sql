-- What came in, so that other rules can be tried on it. To read a row:
--   SELECT body FROM journal WHERE id = 17;   written to a file, then: gunzip
-- gives one line of JSON for each input: [when it was taken in, the input].
CREATE TABLE journal (
    -- The order in which it was taken in; never used twice.
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    inputs   INTEGER NOT NULL,
    -- Size of the lines before they were packed.
    raw      INTEGER NOT NULL,
    body     BLOB NOT NULL
) STRICT;

-- Copies of the table `state`: what was known between two rows of the journal.
-- Its lines are [kind, key, value].
CREATE TABLE checkpoints (
    id      INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    -- The last row of the journal before it; 0 before the first.
    after   INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    body    BLOB NOT NULL
) STRICT;
