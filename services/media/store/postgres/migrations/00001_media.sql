-- +goose Up
-- One row, which readiness checks write: that a database can be read says nothing about writes.
CREATE TABLE probe (id integer PRIMARY KEY, at timestamptz NOT NULL);

CREATE TABLE media (
    id          uuid PRIMARY KEY,
    room_id     uuid NOT NULL,
    uploader_id uuid NOT NULL,
    tenant      text NOT NULL,
    purpose     text NOT NULL CHECK (purpose IN ('message', 'room-image')),
    file_name   text NOT NULL,
    mime_type   text NOT NULL, -- as it was declared
    type        text NOT NULL, -- what its bytes are
    size        bigint NOT NULL CHECK (size > 0),
    sha256      bytea CHECK (length(sha256) = 32),
    state       text NOT NULL CHECK (state IN ('pending', 'uploaded', 'ready', 'rejected', 'deleted')),
    reason      text NOT NULL,
    width       integer NOT NULL CHECK (width >= 0),
    height      integer NOT NULL CHECK (height >= 0),
    variants    text[] NOT NULL,
    upload_id   text NOT NULL, -- of a multipart upload
    part_size   bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL, -- when it got its state
    expires_at  timestamptz
);
CREATE INDEX media_room ON media (room_id, id) WHERE state <> 'deleted';
CREATE INDEX media_room_images ON media (room_id, created_at) WHERE state <> 'deleted' AND purpose = 'room-image';
CREATE INDEX media_uploader ON media (uploader_id, id); -- also of deleted ones: whether anything is left
CREATE INDEX media_expiring ON media (expires_at) WHERE state IN ('pending', 'rejected');
CREATE INDEX media_state ON media (state, changed_at) WHERE state IN ('uploaded', 'deleted');

-- What users and rooms have: of media that are pending, uploaded or ready.
CREATE TABLE usages (
    kind      text NOT NULL CHECK (kind IN ('user', 'room')),
    id        uuid NOT NULL,
    bytes     bigint NOT NULL DEFAULT 0 CHECK (bytes >= 0),
    media     bigint NOT NULL DEFAULT 0 CHECK (media >= 0),
    closed_at timestamptz, -- since when nothing is uploaded there
    PRIMARY KEY (kind, id)
);
CREATE INDEX usages_closed ON usages (closed_at) WHERE closed_at IS NOT NULL;

-- Which message uses which medium, as its room's log says at a position.
CREATE TABLE uses (
    message_id uuid PRIMARY KEY,
    medium_id  uuid, -- null: none
    epoch      integer NOT NULL DEFAULT -1,
    log_offset bigint NOT NULL DEFAULT -1,
    removed    boolean NOT NULL DEFAULT false, -- the message is deleted
    expires_at timestamptz, -- when the message goes; null: never
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX uses_medium ON uses (medium_id) WHERE NOT removed;
CREATE INDEX uses_expiring ON uses (expires_at) WHERE NOT removed AND expires_at IS NOT NULL;
CREATE INDEX uses_removed ON uses (changed_at) WHERE removed;

-- Deleted users of whom objects are still to be removed.
CREATE TABLE erasures (
    user_id    uuid PRIMARY KEY,
    erasure_id uuid NOT NULL,
    at         timestamptz NOT NULL, -- when the user was deleted
    erased     bigint NOT NULL,
    complete   boolean NOT NULL -- all media of the user are deleted
);

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
DROP TABLE erasures;
DROP TABLE uses;
DROP TABLE usages;
DROP TABLE media;
DROP TABLE probe;
