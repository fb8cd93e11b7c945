-- A user of a tenant who is deleted, with what is erased of it, and what it has spent; and a Group of the tenant.
INSERT INTO users (id, display_name, tenant, deleted_at) VALUES ('00000000-0000-0000-0000-000000000081', 'deleted user', 'acme', '2026-11-08 08:00Z');
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, tenant) VALUES
    ('00000000-0000-0000-0001-000000000081', 'Group', 'Acme', '00000000-0000-0000-0000-000000000081', '2026-11-08 07:00Z', '2026-11-08 07:00Z', '{}', 'acme');
INSERT INTO erasures (id, user_id, tenant, at) VALUES
    ('00000000-0000-0000-0008-000000000001', '00000000-0000-0000-0000-000000000081', 'acme', '2026-11-08 08:00Z');
INSERT INTO erasure_parts (erasure_id, service, erased, finished_at) VALUES ('00000000-0000-0000-0008-000000000001', 'rooms', 3, '2026-11-08 08:01Z');
INSERT INTO budgets (user_id, kind, hour, spent) VALUES ('00000000-0000-0000-0000-000000000081', 'creations', '2026-11-08 07:00Z', 1);
