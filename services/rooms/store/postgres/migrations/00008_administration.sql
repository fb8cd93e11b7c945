-- +goose Up
ALTER TABLE rooms ADD COLUMN tenant text NOT NULL DEFAULT ''; -- that of all who are, were or will be in the room
UPDATE rooms r SET tenant = u.tenant FROM users u WHERE u.id = r.created_by AND u.tenant <> '';

-- The previous build says nothing of a room's tenant: it is the creator's.
-- +goose StatementBegin
CREATE FUNCTION tenant_of_creator() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    SELECT tenant INTO NEW.tenant FROM users WHERE id = NEW.created_by;
    RETURN NEW;
END
$$;
-- +goose StatementEnd
CREATE TRIGGER rooms_tenant BEFORE INSERT ON rooms FOR EACH ROW WHEN (NEW.tenant = '') EXECUTE FUNCTION tenant_of_creator();

CREATE INDEX rooms_of_tenant ON rooms (tenant, id);
CREATE INDEX members_left ON members (user_id, room_id) WHERE status = 'Left';

-- When the user was deleted; its row stays for histories. The backend can put the user again.
ALTER TABLE users ADD COLUMN deleted_at timestamptz;

CREATE TABLE erasures (
    id      uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    tenant  text NOT NULL,
    at      timestamptz NOT NULL -- when it was asked for
);

CREATE INDEX erasures_of_user ON erasures (user_id, at);

-- What each service has erased. rooms has its row from the beginning.
CREATE TABLE erasure_parts (
    erasure_id  uuid NOT NULL REFERENCES erasures (id),
    service     text NOT NULL,
    erased      bigint NOT NULL DEFAULT 0, -- things, as the service counts them
    finished_at timestamptz,               -- NULL: not yet
    PRIMARY KEY (erasure_id, service)
);

CREATE INDEX erasure_parts_pending ON erasure_parts (service, erasure_id) WHERE finished_at IS NULL;

-- What users have spent of their budgets in the newest hour in which they have spent anything. Nobody removes rows: there are no more than users.
CREATE TABLE budgets (
    user_id uuid NOT NULL REFERENCES users (id),
    kind    text NOT NULL,
    hour    timestamptz NOT NULL, -- its beginning
    spent   integer NOT NULL,
    PRIMARY KEY (user_id, kind)
);

-- +goose Down
DROP TABLE budgets;
DROP TABLE erasure_parts;
DROP TABLE erasures;
ALTER TABLE users DROP COLUMN deleted_at;
DROP INDEX members_left;
DROP INDEX rooms_of_tenant;
DROP TRIGGER rooms_tenant ON rooms;
DROP FUNCTION tenant_of_creator();
ALTER TABLE rooms DROP COLUMN tenant;
