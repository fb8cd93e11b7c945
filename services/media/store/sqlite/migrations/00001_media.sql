-- Media and what belongs to them. Ids are UUIDs, 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
-- One row, which readiness checks write: that a file can be read says nothing about writes.
CREATE TABLE probe (id INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;

CREATE TABLE media (
    id          BLOB PRIMARY KEY,
    room_id     BLOB NOT NULL,
    uploader_id BLOB NOT NULL,
    tenant      TEXT NOT NULL,
    purpose     TEXT NOT NULL CHECK (purpose IN ('message', 'room-image')),
    file_name   TEXT NOT NULL,
    mime_type   TEXT NOT NULL, -- as it was declared
    type        TEXT NOT NULL, -- what its bytes are
    size        INTEGER NOT NULL CHECK (size > 0),
    sha256      BLOB CHECK (length(sha256) = 32),
    state       TEXT NOT NULL CHECK (state IN ('pending', 'uploaded', 'ready', 'rejected', 'deleted')),
    reason      TEXT NOT NULL,
    width       INTEGER NOT NULL CHECK (width >= 0),
    height      INTEGER NOT NULL CHECK (height >= 0),
    variants    TEXT NOT NULL, -- JSON
    upload_id   TEXT NOT NULL, -- of a multipart upload
    part_size   INTEGER NOT NULL,
    created_at  INTEGER NOT NULL,
    changed_at  INTEGER NOT NULL, -- when it got its state
    expires_at  INTEGER
) WITHOUT ROWID, STRICT;
CREATE INDEX media_room ON media (room_id, id) WHERE state <> 'deleted';
CREATE INDEX media_uploader ON media (uploader_id, id); -- also of deleted ones: whether anything is left
CREATE INDEX media_expiring ON media (expires_at) WHERE state IN ('pending', 'rejected');
CREATE INDEX media_state ON media (state, changed_at) WHERE state IN ('uploaded', 'deleted');

-- What users and rooms have: of media that are pending, uploaded or ready.
CREATE TABLE usages (
    kind      TEXT NOT NULL CHECK (kind IN ('user', 'room')),
    id        BLOB NOT NULL,
    bytes     INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    media     INTEGER NOT NULL DEFAULT 0 CHECK (media >= 0),
    closed_at INTEGER, -- since when nothing is uploaded there
    PRIMARY KEY (kind, id)
) WITHOUT ROWID, STRICT;
CREATE INDEX usages_closed ON usages (closed_at) WHERE closed_at IS NOT NULL;

-- Which message uses which medium, as its room's log says at a position.
CREATE TABLE uses (
    message_id BLOB PRIMARY KEY,
    medium_id  BLOB, -- null: none
    epoch      INTEGER NOT NULL DEFAULT -1,
    log_offset INTEGER NOT NULL DEFAULT -1,
    removed    INTEGER NOT NULL DEFAULT 0, -- the message is deleted
    expires_at INTEGER, -- when the message goes; null: never
    changed_at INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID, STRICT;
CREATE INDEX uses_medium ON uses (medium_id) WHERE removed = 0;
CREATE INDEX uses_expiring ON uses (expires_at) WHERE removed = 0 AND expires_at IS NOT NULL;
CREATE INDEX uses_removed ON uses (changed_at) WHERE removed = 1;

-- Deleted users of whom objects are still to be removed.
CREATE TABLE erasures (
    user_id    BLOB PRIMARY KEY,
    erasure_id BLOB NOT NULL,
    at         INTEGER NOT NULL, -- when the user was deleted
    erased     INTEGER NOT NULL,
    complete   INTEGER NOT NULL -- all media of the user are deleted
) WITHOUT ROWID, STRICT;

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
DROP TABLE erasures;
DROP TABLE uses;
DROP TABLE usages;
DROP TABLE media;
DROP TABLE probe;
