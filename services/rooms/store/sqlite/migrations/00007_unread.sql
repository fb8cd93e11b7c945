-- +goose Up
-- What of its log a room has taken, up to the latest message.
ALTER TABLE rooms ADD COLUMN messages INTEGER NOT NULL DEFAULT 0; -- of every type
ALTER TABLE rooms ADD COLUMN counted INTEGER NOT NULL DEFAULT 0;  -- that count as unread for who has not read them

-- Where the newest messages of each room are: a row for a message, whoever is in the room. Rows of rooms that are deleted go with them.
CREATE TABLE message_positions (
    room_id    BLOB NOT NULL,
    epoch      INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    sender_id  BLOB,             -- NULL: it does not count
    number     INTEGER NOT NULL, -- rooms.messages with it
    counted    INTEGER NOT NULL, -- rooms.counted with it
    at         INTEGER NOT NULL, -- its createdAt
    PRIMARY KEY (room_id, epoch, log_offset)
) WITHOUT ROWID, STRICT;
CREATE INDEX message_positions_ids ON message_positions (room_id, message_id);

ALTER TABLE members ADD COLUMN read_epoch INTEGER NOT NULL DEFAULT -1; -- with read_offset the position up to which the member has read
ALTER TABLE members ADD COLUMN read_offset INTEGER NOT NULL DEFAULT -1;
ALTER TABLE members ADD COLUMN read_counted INTEGER DEFAULT 0;         -- rooms.counted there; NULL until its joining has been taken from the log
ALTER TABLE members ADD COLUMN own_after INTEGER NOT NULL DEFAULT 0;   -- own messages behind it
ALTER TABLE members ADD COLUMN opened INTEGER NOT NULL DEFAULT 0;      -- the member has read something of the room, or marked it, since it joined
ALTER TABLE members ADD COLUMN untold_since INTEGER;                   -- since when nobody has been told of a mark
ALTER TABLE members ADD COLUMN untold_trace TEXT;                      -- traceparent of its request
ALTER TABLE members ADD COLUMN receipt INTEGER NOT NULL DEFAULT 0;     -- others may be told of the mark
CREATE INDEX members_untold ON members (untold_since) WHERE untold_since IS NOT NULL;

ALTER TABLE users ADD COLUMN read_receipts INTEGER NOT NULL DEFAULT 1; -- others may know what the user has read

-- Up to where the log of rooms has been taken.
CREATE TABLE log_progress (
    partition   INTEGER PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    next_offset INTEGER NOT NULL
) STRICT;

-- Nobody has counted what was unread before: where something was, it is one message.
UPDATE rooms SET messages = 1, counted = 1 WHERE latest_offset >= 0;
UPDATE members
SET read_epoch = r.latest_epoch, read_offset = r.latest_offset, read_counted = r.counted, opened = 1
FROM rooms r
WHERE r.id = members.room_id AND members.last_read_at >= r.latest_message;

-- +goose Down
DROP TABLE log_progress;
DROP TABLE message_positions;
ALTER TABLE users DROP COLUMN read_receipts;
DROP INDEX members_untold;
ALTER TABLE members DROP COLUMN read_epoch;
ALTER TABLE members DROP COLUMN read_offset;
ALTER TABLE members DROP COLUMN read_counted;
ALTER TABLE members DROP COLUMN own_after;
ALTER TABLE members DROP COLUMN opened;
ALTER TABLE members DROP COLUMN untold_since;
ALTER TABLE members DROP COLUMN untold_trace;
ALTER TABLE members DROP COLUMN receipt;
ALTER TABLE rooms DROP COLUMN messages;
ALTER TABLE rooms DROP COLUMN counted;
