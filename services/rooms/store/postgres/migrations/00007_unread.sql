-- +goose Up
-- What of its log a room has taken, up to the latest message.
ALTER TABLE rooms
    ADD COLUMN messages bigint NOT NULL DEFAULT 0, -- of every type
    ADD COLUMN counted  bigint NOT NULL DEFAULT 0; -- that count as unread for who has not read them

-- Where the newest messages of each room are: a row for a message, whoever is in the room. Rows of rooms that are deleted go with them.
CREATE TABLE message_positions (
    room_id    uuid NOT NULL,
    message_id uuid NOT NULL,
    sender_id  uuid,                 -- NULL: it does not count
    log_offset bigint NOT NULL,
    number     bigint NOT NULL,      -- rooms.messages with it
    counted    bigint NOT NULL,      -- rooms.counted with it
    at         timestamptz NOT NULL, -- its createdAt
    epoch      integer NOT NULL,
    PRIMARY KEY (room_id, epoch, log_offset)
) WITH (autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX message_positions_ids ON message_positions (room_id, message_id);

ALTER TABLE members
    ADD COLUMN read_offset  bigint NOT NULL DEFAULT -1, -- with read_epoch the position up to which the member has read
    ADD COLUMN read_counted bigint DEFAULT 0,           -- rooms.counted there; NULL until its joining has been taken from the log
    ADD COLUMN own_after    bigint NOT NULL DEFAULT 0,  -- own messages behind it
    ADD COLUMN untold_since timestamptz,                -- since when nobody has been told of a mark
    ADD COLUMN untold_trace text,                       -- traceparent of its request
    ADD COLUMN read_epoch   integer NOT NULL DEFAULT -1,
    ADD COLUMN opened       boolean NOT NULL DEFAULT false, -- the member has read something of the room, or marked it, since it joined
    ADD COLUMN receipt      boolean NOT NULL DEFAULT false; -- others may be told of the mark
CREATE INDEX members_untold ON members (untold_since) WHERE untold_since IS NOT NULL;

ALTER TABLE users ADD COLUMN read_receipts boolean NOT NULL DEFAULT true; -- others may know what the user has read

-- Up to where the log of rooms has been taken.
CREATE TABLE log_progress (
    partition   integer PRIMARY KEY,
    epoch       integer NOT NULL,
    next_offset bigint NOT NULL
);

-- Nobody has counted what was unread before: where something was, it is one message.
UPDATE rooms SET messages = 1, counted = 1 WHERE latest_offset >= 0;
UPDATE members AS m
SET read_epoch = r.latest_epoch, read_offset = r.latest_offset, read_counted = r.counted, opened = true
FROM rooms r
WHERE r.id = m.room_id AND m.last_read_at >= r.latest_message;

-- +goose Down
DROP TABLE log_progress;
DROP TABLE message_positions;
ALTER TABLE users DROP COLUMN read_receipts;
DROP INDEX members_untold;
ALTER TABLE members
    DROP COLUMN read_epoch,
    DROP COLUMN read_offset,
    DROP COLUMN read_counted,
    DROP COLUMN own_after,
    DROP COLUMN untold_since,
    DROP COLUMN untold_trace,
    DROP COLUMN opened,
    DROP COLUMN receipt;
ALTER TABLE rooms
    DROP COLUMN messages,
    DROP COLUMN counted;
