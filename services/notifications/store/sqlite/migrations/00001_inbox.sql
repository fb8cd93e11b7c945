-- +goose Up
-- Times are microseconds since 1970.
-- One row, which readiness checks write: that a database can be read says nothing about writes.
CREATE TABLE probe (id integer PRIMARY KEY, at integer NOT NULL) STRICT;

CREATE TABLE inboxes (
    user_id    blob PRIMARY KEY,
    newest     integer NOT NULL DEFAULT 0, -- the position of the newest entry
    read_up_to integer NOT NULL DEFAULT 0, -- all up to it are read
    deleted_at integer                     -- when the user was deleted
) STRICT, WITHOUT ROWID;
CREATE INDEX inboxes_deleted ON inboxes (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE entries (
    user_id    blob NOT NULL,
    position   integer NOT NULL,
    id         blob NOT NULL,
    at         integer NOT NULL,
    expires_at integer,
    read       integer NOT NULL DEFAULT 0, -- by itself; read_up_to says it of all before
    event      text NOT NULL,
    PRIMARY KEY (user_id, position)
) STRICT, WITHOUT ROWID;
CREATE INDEX entries_ids ON entries (user_id, id);
CREATE INDEX entries_at ON entries (at);
CREATE INDEX entries_expiring ON entries (expires_at) WHERE expires_at IS NOT NULL;

-- +goose Down
DROP TABLE entries;
DROP TABLE inboxes;
DROP TABLE probe;
