-- +goose Up
-- How far the snapshots of all large rooms have been written to each incarnation of ism.memberships.
CREATE TABLE snapshot_rewrites (
    topic_id BLOB PRIMARY KEY,
    behind   BLOB NOT NULL DEFAULT x'00000000000000000000000000000000', -- the large room up to which all are written, in the order of ids
    finished INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID, STRICT;

CREATE INDEX rooms_large ON rooms (id) WHERE large;

-- +goose Down
DROP INDEX rooms_large;
DROP TABLE snapshot_rewrites;
