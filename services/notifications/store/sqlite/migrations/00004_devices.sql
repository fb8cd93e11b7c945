-- Push: where users are told of what happens while they have no stream, and of what. Times are microseconds since 1970.

-- +goose Up
CREATE TABLE devices (
    user_id       blob NOT NULL,
    id            text NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('WebPush', 'Fcm', 'Apns')),
    target        text NOT NULL, -- an endpoint or a token
    p256dh        text NOT NULL,
    auth          text NOT NULL,
    made_at       integer NOT NULL, -- since when it has the target
    registered_at integer NOT NULL, -- last
    PRIMARY KEY (user_id, id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX devices_targets ON devices (kind, target);

CREATE TABLE push_settings (
    user_id     blob NOT NULL,
    room_id     blob NOT NULL, -- all zeros: all rooms
    level       text NOT NULL, -- empty: as for all rooms
    muted_until integer,
    PRIMARY KEY (user_id, room_id)
) STRICT, WITHOUT ROWID;

-- One row: the keys by which push services know this installation.
CREATE TABLE vapid_keys (
    id          integer PRIMARY KEY CHECK (id = 1),
    public_key  text NOT NULL,
    private_key text NOT NULL
) STRICT;

-- +goose Down
DROP TABLE vapid_keys;
DROP TABLE push_settings;
DROP TABLE devices;
