-- Media that no message shows, or that one is about to. What was ready before has its time from now on.

-- +goose Up
CREATE TABLE idle (
    medium_id  BLOB PRIMARY KEY,
    since      INTEGER NOT NULL, -- no message has shown it
    shown      INTEGER NOT NULL DEFAULT 0, -- one has: it stays only while it is held
    holds      INTEGER NOT NULL DEFAULT 0 CHECK (holds >= 0), -- messages that are about to show it
    held_until INTEGER
) WITHOUT ROWID, STRICT;
CREATE INDEX idle_since ON idle (since);
CREATE INDEX idle_shown ON idle (held_until) WHERE shown = 1;
INSERT INTO idle (medium_id, since)
SELECT id, CAST(unixepoch('subsec') * 1000000 AS INTEGER) FROM media m
WHERE state = 'ready' AND purpose = 'message' AND NOT EXISTS (SELECT 1 FROM uses u WHERE u.medium_id = m.id AND u.removed = 0);

-- +goose Down
DROP TABLE idle;
