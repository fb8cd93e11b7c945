-- Webhooks: endpoints of backends, and what was and is to be sent to them.

-- +goose Up
-- The one row counts the changes of endpoints, so that who keeps them in memory knows when to read them again.
CREATE TABLE webhook_changes (
    id      boolean PRIMARY KEY DEFAULT true CHECK (id),
    version bigint NOT NULL
);
INSERT INTO webhook_changes (version) VALUES (1);

CREATE TABLE webhook_endpoints (
    id            uuid PRIMARY KEY,
    url           text NOT NULL,
    description   text NOT NULL,
    types         text[] NOT NULL,
    rooms         uuid[] NOT NULL, -- none: all
    scheme        text NOT NULL,
    ordered       boolean NOT NULL,
    concurrency   integer NOT NULL CHECK (concurrency > 0),
    status        text NOT NULL CHECK (status IN ('active', 'paused', 'disabled', 'deleted')),
    reason        text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    updated_at    timestamptz NOT NULL,
    failures      integer NOT NULL DEFAULT 0, -- attempts in a row that failed
    failing_since timestamptz,
    closed_until  timestamptz -- nothing is sent before
);

CREATE TABLE webhook_secrets (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id) ON DELETE CASCADE,
    secret      text NOT NULL,
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz -- null: the current one
);
CREATE INDEX webhook_secrets_endpoint ON webhook_secrets (endpoint_id, id);

CREATE TABLE webhook_events (
    id          uuid PRIMARY KEY,
    type        text NOT NULL,
    room_id     uuid,
    happened_at timestamptz NOT NULL,
    taken_at    timestamptz NOT NULL,
    body        bytea NOT NULL
);
CREATE INDEX webhook_events_taken ON webhook_events (taken_at);

CREATE TABLE webhook_deliveries (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, -- the order in which they were taken
    id          uuid NOT NULL UNIQUE,
    endpoint_id uuid NOT NULL REFERENCES webhook_endpoints (id),
    event_id    uuid NOT NULL REFERENCES webhook_events (id),
    type        text NOT NULL,
    room_id     uuid,
    happened_at timestamptz NOT NULL,
    -- behind: another one of its room is before it; waiting: it may be sent; released: a job sends it; retrying: a job has it wait again at next_at
    state       text NOT NULL CHECK (state IN ('behind', 'waiting', 'released', 'retrying', 'delivered', 'given-up')),
    attempts    integer NOT NULL DEFAULT 0, -- all of them
    round       integer NOT NULL DEFAULT 0, -- those since it was taken, or replayed last
    next_at     timestamptz,
    status      integer NOT NULL DEFAULT 0, -- of the last attempt; 0: there was no answer
    error       text NOT NULL DEFAULT '',
    changed_at  timestamptz NOT NULL
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'retrying';
CREATE INDEX webhook_deliveries_happened ON webhook_deliveries (endpoint_id, state, happened_at, seq);
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (endpoint_id, seq);
CREATE INDEX webhook_deliveries_state ON webhook_deliveries (endpoint_id, state, seq);
CREATE INDEX webhook_deliveries_room ON webhook_deliveries (endpoint_id, room_id, seq) WHERE state IN ('behind', 'waiting', 'released', 'retrying');
CREATE INDEX webhook_deliveries_changed ON webhook_deliveries (state, changed_at);
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event_id);

CREATE TABLE webhook_attempts (
    delivery_id uuid NOT NULL REFERENCES webhook_deliveries (id) ON DELETE CASCADE,
    number      integer NOT NULL,
    at          timestamptz NOT NULL,
    took        interval NOT NULL,
    status      integer NOT NULL,
    error       text NOT NULL,
    body        text NOT NULL, -- the beginning of the answer's
    PRIMARY KEY (delivery_id, number)
);

-- +goose Down
DROP TABLE webhook_attempts;
DROP TABLE webhook_deliveries;
DROP TABLE webhook_events;
DROP TABLE webhook_secrets;
DROP TABLE webhook_endpoints;
DROP TABLE webhook_changes;
