-- +goose Up
ALTER TABLE rooms ADD COLUMN tenant TEXT NOT NULL DEFAULT ''; -- that of all who are, were or will be in the room
UPDATE rooms SET tenant = (SELECT u.tenant FROM users u WHERE u.id = rooms.created_by);

-- +goose Down
ALTER TABLE rooms DROP COLUMN tenant;
