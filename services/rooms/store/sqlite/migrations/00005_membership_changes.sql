-- A table's conditions are changed by making it anew. What refers to its rows is looked at when all of them are there again.

-- +goose Up
PRAGMA defer_foreign_keys = ON;
CREATE TABLE rooms_before AS SELECT * FROM rooms;
DROP TABLE rooms;
CREATE TABLE rooms (
    id                 BLOB PRIMARY KEY,
    type               TEXT NOT NULL CHECK (type IN ('Single', 'Group')),
    name               TEXT,
    image_url          TEXT,
    created_by         BLOB NOT NULL REFERENCES users (id),
    created_at         INTEGER NOT NULL,
    membership_version INTEGER NOT NULL DEFAULT 1,
    latest_message     INTEGER NOT NULL,
    latest_epoch       INTEGER NOT NULL DEFAULT -1, -- position of the latest message, before all positions in a new room
    latest_offset      INTEGER NOT NULL DEFAULT -1,
    preview            TEXT NOT NULL,               -- JSON, as on the wire
    pair_low           BLOB REFERENCES users (id),  -- the two users of a Single room, ordered
    pair_high          BLOB REFERENCES users (id),
    ended_at           INTEGER,                     -- when the last member left; a Single room ends with the first, and leaves its pair to a new one
    since_joining      INTEGER NOT NULL DEFAULT 0,  -- members see of the timeline what came since they joined
    large              INTEGER NOT NULL DEFAULT 0,  -- it has had more members than an event names; stays so
    change_version     INTEGER NOT NULL DEFAULT 1,  -- the newest membership version that has been taken from the log
    CHECK ((type = 'Single' AND ended_at IS NULL) = (pair_low IS NOT NULL AND pair_high IS NOT NULL)),
    CHECK (pair_low < pair_high)
) WITHOUT ROWID, STRICT;
INSERT INTO rooms (id, type, name, image_url, created_by, created_at, membership_version, latest_message, latest_epoch, latest_offset, preview, pair_low, pair_high)
SELECT id, type, name, image_url, created_by, created_at, membership_version, latest_message, latest_epoch, latest_offset, preview, pair_low, pair_high FROM rooms_before;
DROP TABLE rooms_before;
CREATE UNIQUE INDEX rooms_single_pair ON rooms (pair_low, pair_high) WHERE type = 'Single';

-- The messages with which a member joined and left, in the room's timeline. NULL: with the room's creation; not yet.
ALTER TABLE members ADD COLUMN joined_message BLOB;
ALTER TABLE members ADD COLUMN left_message BLOB;
ALTER TABLE members ADD COLUMN left_at INTEGER;

-- +goose Down
PRAGMA defer_foreign_keys = ON;
ALTER TABLE members DROP COLUMN joined_message;
ALTER TABLE members DROP COLUMN left_message;
ALTER TABLE members DROP COLUMN left_at;
CREATE TABLE rooms_before AS SELECT * FROM rooms;
DROP TABLE rooms;
CREATE TABLE rooms (
    id                 BLOB PRIMARY KEY,
    type               TEXT NOT NULL CHECK (type IN ('Single', 'Group')),
    name               TEXT,
    image_url          TEXT,
    created_by         BLOB NOT NULL REFERENCES users (id),
    created_at         INTEGER NOT NULL,
    membership_version INTEGER NOT NULL DEFAULT 1,
    latest_message     INTEGER NOT NULL,
    latest_epoch       INTEGER NOT NULL DEFAULT -1, -- position of the latest message, before all positions in a new room
    latest_offset      INTEGER NOT NULL DEFAULT -1,
    preview            TEXT NOT NULL,               -- JSON, as on the wire
    pair_low           BLOB REFERENCES users (id),  -- the two users of a Single room, ordered
    pair_high          BLOB REFERENCES users (id),
    CHECK ((type = 'Single') = (pair_low IS NOT NULL AND pair_high IS NOT NULL)),
    CHECK (pair_low < pair_high)
) WITHOUT ROWID, STRICT;
-- Nobody is in a Single room that has ended, and its pair may have a new one.
INSERT INTO rooms (id, type, name, image_url, created_by, created_at, membership_version, latest_message, latest_epoch, latest_offset, preview, pair_low, pair_high)
SELECT id, CASE WHEN ended_at IS NULL THEN type ELSE 'Group' END, name, image_url, created_by, created_at, membership_version, latest_message,
       latest_epoch, latest_offset, preview, pair_low, pair_high
FROM rooms_before;
DROP TABLE rooms_before;
CREATE UNIQUE INDEX rooms_single_pair ON rooms (pair_low, pair_high) WHERE type = 'Single';
