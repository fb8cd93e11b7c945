-- Webhooks: endpoints of backends, and what was and is to be sent to them. Ids are UUIDs, 16 bytes. Times are microseconds since 1970, UTC.

-- +goose Up
-- The one row counts the changes of endpoints, so that who keeps them in memory knows when to read them again.
CREATE TABLE webhook_changes (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO webhook_changes (id, version) VALUES (1, 1);

CREATE TABLE webhook_endpoints (
    id            BLOB PRIMARY KEY,
    url           TEXT NOT NULL,
    description   TEXT NOT NULL,
    types         TEXT NOT NULL, -- JSON
    rooms         TEXT NOT NULL, -- JSON; none: all
    scheme        TEXT NOT NULL,
    ordered       INTEGER NOT NULL,
    concurrency   INTEGER NOT NULL CHECK (concurrency > 0),
    status        TEXT NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
    reason        TEXT NOT NULL DEFAULT '',
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    failures      INTEGER NOT NULL DEFAULT 0, -- attempts in a row that failed
    failing_since INTEGER,
    closed_until  INTEGER -- nothing is sent before
) WITHOUT ROWID, STRICT;

CREATE TABLE webhook_secrets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    endpoint_id BLOB NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    secret      TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER -- null: the current one
) STRICT;
CREATE INDEX webhook_secrets_endpoint ON webhook_secrets (endpoint_id, id);

CREATE TABLE webhook_events (
    id          BLOB PRIMARY KEY,
    type        TEXT NOT NULL,
    room_id     BLOB,
    happened_at INTEGER NOT NULL,
    taken_at    INTEGER NOT NULL,
    body        BLOB NOT NULL
) STRICT;
CREATE INDEX webhook_events_taken ON webhook_events (taken_at);

CREATE TABLE webhook_deliveries (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT, -- the order in which they were taken
    id          BLOB NOT NULL UNIQUE,
    endpoint_id BLOB NOT NULL REFERENCES webhook_endpoints (id),
    event_id    BLOB NOT NULL REFERENCES webhook_events (id),
    type        TEXT NOT NULL,
    room_id     BLOB,
    happened_at INTEGER NOT NULL,
    -- behind: another one of its room is before it; waiting: it may be sent; released: a job sends it; retrying: a job has it wait again at next_at
    state       TEXT NOT NULL CHECK (state IN ('behind', 'waiting', 'released', 'retrying', 'delivered', 'given-up')),
    attempts    INTEGER NOT NULL DEFAULT 0, -- all of them
    round       INTEGER NOT NULL DEFAULT 0, -- those since it was taken, or replayed last
    next_at     INTEGER,
    status      INTEGER NOT NULL DEFAULT 0, -- of the last attempt; 0: there was no answer
    error       TEXT NOT NULL DEFAULT '',
    changed_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'retrying';
CREATE INDEX webhook_deliveries_happened ON webhook_deliveries (endpoint_id, state, happened_at, seq);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint_id, seq);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (endpoint_id, state, seq);
CREATE INDEX webhook_deliveries_room ON webhook_deliveries (endpoint_id, room_id, seq) WHERE state IN ('behind', 'waiting', 'released', 'retrying');
CREATE INDEX webhook_deliveries_changed ON webhook_deliveries (state, changed_at);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);

CREATE TABLE webhook_attempts (
    delivery_id BLOB NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    at          INTEGER NOT NULL,
    took        INTEGER NOT NULL, -- microseconds
    status      INTEGER NOT NULL,
    error       TEXT NOT NULL,
    body        TEXT NOT NULL, -- the beginning of the answer's
    PRIMARY KEY (delivery_id, number)
) WITHOUT ROWID, STRICT;

-- +goose Down
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_events;
DROP TABLE webhook_secrets;
DROP TABLE webhook_endpoints;
DROP TABLE webhook_changes;
