-- Ids are UUIDs, 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
-- search_name is written with each user, folded as Go does it. The previous build leaves it out: then the user is found once it has called again.
ALTER TABLE users ADD COLUMN tenant TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN search_name TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN description TEXT;
ALTER TABLE users ADD COLUMN role TEXT;
ALTER TABLE users ADD COLUMN street_credits INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN friends_count INTEGER NOT NULL DEFAULT 0; -- rows of relationships that say FRIEND

UPDATE users SET search_name = substr(lower(display_name), 1, 100);

CREATE INDEX users_search ON users (tenant, search_name, id);

-- One row of each side. Both are there or none, and they fit together.
CREATE TABLE relationships (
    user_id  BLOB NOT NULL REFERENCES users (id),
    other_id BLOB NOT NULL REFERENCES users (id),
    kind     TEXT NOT NULL CHECK (kind IN ('FRIEND', 'INVITE_SENT', 'INVITE_RECEIVED', 'CLIENT_BLOCKED', 'CLIENT_GOT_BLOCKED')), -- as user_id sees it
    since    INTEGER NOT NULL,
    PRIMARY KEY (user_id, other_id),
    CHECK (user_id <> other_id)
) WITHOUT ROWID, STRICT;

CREATE INDEX relationships_listed ON relationships (user_id, kind, since, other_id);

-- +goose Down
DROP TABLE relationships;
DROP INDEX users_search;
ALTER TABLE users DROP COLUMN friends_count;
ALTER TABLE users DROP COLUMN street_credits;
ALTER TABLE users DROP COLUMN role;
ALTER TABLE users DROP COLUMN description;
ALTER TABLE users DROP COLUMN search_name;
ALTER TABLE users DROP COLUMN tenant;
