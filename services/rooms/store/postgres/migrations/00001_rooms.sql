-- +goose Up
CREATE TABLE users (
    id           uuid PRIMARY KEY,
    display_name text NOT NULL,
    picture      text
);

CREATE TABLE rooms (
    id                 uuid PRIMARY KEY,
    type               text NOT NULL CHECK (type IN ('Single', 'Group')),
    name               text,
    image_url          text,
    created_by         uuid NOT NULL REFERENCES users (id),
    created_at         timestamptz NOT NULL,
    membership_version bigint NOT NULL DEFAULT 1,
    latest_message     timestamptz NOT NULL,
    latest_epoch       integer NOT NULL DEFAULT -1, -- position of the latest message, before all positions in a new room
    latest_offset      bigint NOT NULL DEFAULT -1,
    preview            jsonb NOT NULL,              -- as on the wire
    pair_low           uuid REFERENCES users (id),  -- the two users of a Single room, ordered
    pair_high          uuid REFERENCES users (id),
    CHECK ((type = 'Single') = (pair_low IS NOT NULL AND pair_high IS NOT NULL)),
    CHECK (pair_low < pair_high)
) WITH (fillfactor = 85); -- every message updates its room, in place where there is room for it

CREATE UNIQUE INDEX rooms_single_pair ON rooms (pair_low, pair_high) WHERE type = 'Single';

CREATE TABLE members (
    room_id      uuid NOT NULL REFERENCES rooms (id),
    user_id      uuid NOT NULL REFERENCES users (id),
    position     integer NOT NULL, -- order among those who joined at the same time
    status       text NOT NULL CHECK (status IN ('Joined', 'Left', 'Invited')),
    joined_at    timestamptz NOT NULL,
    last_read_at timestamptz,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 85);

CREATE INDEX members_joined ON members (user_id, room_id) WHERE status = 'Joined';

-- The outbox is short and changes all the time: it is vacuumed by the number of dead rows, whatever its size.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic      text NOT NULL,
    key        text NOT NULL,
    headers    jsonb NOT NULL, -- object of texts
    value      bytea NOT NULL,
    created_at timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);

-- +goose Down
DROP TABLE outbox;
DROP TABLE members;
DROP TABLE rooms;
DROP TABLE users;
