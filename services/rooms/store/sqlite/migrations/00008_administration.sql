-- +goose Up
ALTER TABLE rooms ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; -- that of all who are, were or will be in the room
UPDATE rooms SET tenant = (SELECT u.tenant FROM users u WHERE u.id = rooms.created_by);

CREATE INDEX rooms_of_tenant ON rooms (tenant, id);
CREATE INDEX members_left ON members (user_id, room_id) WHERE status = 'Left';

-- When the user was deleted; its row stays for histories. The backend can put the user again.
ALTER TABLE users ADD COLUMN deleted_at INTEGER;

CREATE TABLE erasures (
    id      BLOB PRIMARY KEY,
    user_id BLOB NOT NULL REFERENCES users (id),
    tenant  TEXT NOT NULL,
    at      INTEGER NOT NULL -- when it was asked for
) WITHOUT ROWID, STRICT;

CREATE INDEX erasures_of_user ON erasures (user_id, at);

-- What each service has erased. rooms has its row from the beginning.
CREATE TABLE erasure_parts (
    erasure_id  BLOB NOT NULL REFERENCES erasures (id),
    service     TEXT NOT NULL,
    erased      INTEGER NOT NULL DEFAULT 0, -- things, as the service counts them
    finished_at INTEGER,                    -- NULL: not yet
    PRIMARY KEY (erasure_id, service)
) WITHOUT ROWID, STRICT;

CREATE INDEX erasure_parts_pending ON erasure_parts (service, erasure_id) WHERE finished_at IS NULL;

-- What users have spent of their budgets in the newest hour in which they have spent anything. Nobody removes rows: there are no more than users.
CREATE TABLE budgets (
    user_id BLOB NOT NULL REFERENCES users (id),
    kind    TEXT NOT NULL,
    hour    INTEGER NOT NULL, -- its beginning
    spent   INTEGER NOT NULL,
    PRIMARY KEY (user_id, kind)
) WITHOUT ROWID, STRICT;

-- +goose Down
DROP TABLE budgets;
DROP TABLE erasure_parts;
DROP TABLE erasures;
ALTER TABLE users DROP COLUMN deleted_at;
DROP INDEX members_left;
DROP INDEX rooms_of_tenant;
ALTER TABLE rooms DROP COLUMN tenant;
