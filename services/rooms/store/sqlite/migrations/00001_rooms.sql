-- Ids are UUIDs, 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
CREATE TABLE users (
    id           BLOB PRIMARY KEY,
    display_name TEXT NOT NULL,
    picture      TEXT
) WITHOUT ROWID, STRICT;

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

CREATE UNIQUE INDEX rooms_single_pair ON rooms (pair_low, pair_high) WHERE type = 'Single';

CREATE TABLE members (
    room_id      BLOB NOT NULL REFERENCES rooms (id),
    user_id      BLOB NOT NULL REFERENCES users (id),
    position     INTEGER NOT NULL, -- order among those who joined at the same time
    status       TEXT NOT NULL CHECK (status IN ('Joined', 'Left', 'Invited')),
    joined_at    INTEGER NOT NULL,
    last_read_at INTEGER,
    PRIMARY KEY (room_id, user_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX members_joined ON members (user_id, room_id) WHERE status = 'Joined';

CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    topic      TEXT NOT NULL,
    key        TEXT NOT NULL,
    headers    TEXT NOT NULL, -- JSON object
    value      BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- +goose Down
DROP TABLE outbox;
DROP TABLE members;
DROP TABLE rooms;
DROP TABLE users;
