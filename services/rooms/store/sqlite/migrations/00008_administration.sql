-- +goose Up
ALTER TABLE rooms ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; -- that of all who are, were or will be in the room
UPDATE rooms SET tenant = (SELECT u.tenant FROM users u WHERE u.id = rooms.created_by);

CREATE INDEX rooms_of_tenant ON rooms (tenant, id);

-- +goose Down
DROP INDEX rooms_of_tenant;
ALTER TABLE rooms DROP COLUMN tenant;
