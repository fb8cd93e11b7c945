-- +goose Up
-- search_name is written with each user, folded as Go does it. The previous build leaves it out: then the user is found once it has called again.
ALTER TABLE users
    ADD COLUMN tenant         text NOT NULL DEFAULT '',
    ADD COLUMN search_name    text COLLATE "C" NOT NULL DEFAULT '', -- in the order of its bytes, so that an index finds prefixes
    ADD COLUMN description    text,
    ADD COLUMN role           text,
    ADD COLUMN street_credits integer NOT NULL DEFAULT 0,
    ADD COLUMN friends_count  integer NOT NULL DEFAULT 0; -- rows of relationships that say FRIEND

UPDATE users SET search_name = left(lower(display_name), 100);

CREATE INDEX users_search ON users (tenant, search_name, id);

-- One row of each side. Both are there or none, and they fit together.
CREATE TABLE relationships (
    user_id  uuid NOT NULL REFERENCES users (id),
    other_id uuid NOT NULL REFERENCES users (id),
    kind     text NOT NULL CHECK (kind IN ('FRIEND', 'INVITE_SENT', 'INVITE_RECEIVED', 'CLIENT_BLOCKED', 'CLIENT_GOT_BLOCKED')), -- as user_id sees it
    since    timestamptz NOT NULL,
    PRIMARY KEY (user_id, other_id),
    CHECK (user_id <> other_id)
);

CREATE INDEX relationships_listed ON relationships (user_id, kind, since, other_id);

-- +goose Down
DROP TABLE relationships;
DROP INDEX users_search;
ALTER TABLE users
    DROP COLUMN tenant,
    DROP COLUMN search_name,
    DROP COLUMN description,
    DROP COLUMN role,
    DROP COLUMN street_credits,
    DROP COLUMN friends_count;
