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

-- +goose Down
DROP INDEX rooms_of_tenant;
DROP TRIGGER rooms_tenant ON rooms;
DROP FUNCTION tenant_of_creator();
ALTER TABLE rooms DROP COLUMN tenant;
