-- +goose Up
ALTER TABLE rooms
    ADD COLUMN ended_at       timestamptz,                   -- when the last member left; a Single room ends with the first
    ADD COLUMN since_joining  boolean NOT NULL DEFAULT false, -- members see of the timeline what came since they joined
    ADD COLUMN large          boolean NOT NULL DEFAULT false, -- it has had more members than an event names; stays so
    ADD COLUMN change_version bigint NOT NULL DEFAULT 1;      -- the newest membership version that has been taken from the log

-- A room that has ended leaves its pair to a new one. The index stays as it is, so that the version before this one finds it.
ALTER TABLE rooms DROP CONSTRAINT rooms_check;
ALTER TABLE rooms ADD CONSTRAINT rooms_pair
    CHECK ((type = 'Single' AND ended_at IS NULL) = (pair_low IS NOT NULL AND pair_high IS NOT NULL));

-- The messages with which a member joined and left, in the room's timeline. NULL: with the room's creation; not yet.
ALTER TABLE members
    ADD COLUMN joined_message uuid,
    ADD COLUMN left_message   uuid,
    ADD COLUMN left_at        timestamptz;

-- +goose Down
ALTER TABLE members
    DROP COLUMN joined_message,
    DROP COLUMN left_message,
    DROP COLUMN left_at;
ALTER TABLE rooms DROP CONSTRAINT rooms_pair;
UPDATE rooms SET type = 'Group' WHERE type = 'Single' AND ended_at IS NOT NULL; -- nobody is in it, and its pair may have a new one
ALTER TABLE rooms ADD CONSTRAINT rooms_check CHECK ((type = 'Single') = (pair_low IS NOT NULL AND pair_high IS NOT NULL));
ALTER TABLE rooms
    DROP COLUMN ended_at,
    DROP COLUMN since_joining,
    DROP COLUMN large,
    DROP COLUMN change_version;
