-- +goose Up
-- How far the snapshots of all large rooms have been written to each incarnation of ism.memberships.
CREATE TABLE snapshot_rewrites (
    topic_id uuid PRIMARY KEY,
    behind   uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000', -- the large room up to which all are written, in the order of ids
    finished boolean NOT NULL DEFAULT false
);

CREATE INDEX rooms_large ON rooms (id) WHERE large;

-- +goose Down
DROP INDEX rooms_large;
DROP TABLE snapshot_rewrites;
