-- A user of a tenant who is deleted, with what is erased of it, and what it has spent; and a Group of the tenant.
INSERT INTO users (id, display_name, tenant, deleted_at) VALUES (x'81', 'deleted user', 'acme', 8000);
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, tenant) VALUES (x'81', 'Group', 'Acme', x'81', 7900, 7900, '{}', 'acme');
INSERT INTO erasures (id, user_id, tenant, at) VALUES (x'8001', x'81', 'acme', 8000);
INSERT INTO erasure_parts (erasure_id, service, erased, finished_at) VALUES (x'8001', 'rooms', 3, 8100);
INSERT INTO budgets (user_id, kind, hour, spent) VALUES (x'81', 'creations', 7200, 1);
