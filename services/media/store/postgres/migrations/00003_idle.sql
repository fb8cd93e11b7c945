-- Media that no message shows, or that one is about to. What was ready before has its time from now on.

-- +goose Up
CREATE TABLE idle (
    medium_id  uuid PRIMARY KEY,
    since      timestamptz NOT NULL, -- no message has shown it
    shown      boolean NOT NULL DEFAULT false, -- one has: it stays only while it is held
    holds      integer NOT NULL DEFAULT 0 CHECK (holds >= 0), -- messages that are about to show it
    held_until timestamptz
);
CREATE INDEX idle_since ON idle (since);
CREATE INDEX idle_shown ON idle (held_until) WHERE shown;
INSERT INTO idle (medium_id, since)
SELECT id, now() FROM media m
WHERE state = 'ready' AND purpose = 'message' AND NOT EXISTS (SELECT FROM uses u WHERE u.medium_id = m.id AND NOT u.removed);

-- +goose Down
DROP TABLE idle;
