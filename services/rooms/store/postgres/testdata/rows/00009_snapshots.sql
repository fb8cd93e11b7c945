-- A large room, up to which its snapshots have been written to the second incarnation of ism.memberships.
INSERT INTO users (id, display_name) VALUES ('00000000-0000-0000-0000-000000000091', 'somebody');
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, large) VALUES
    ('00000000-0000-0000-0001-000000000091', 'Group', 'Hall', '00000000-0000-0000-0000-000000000091', '2026-11-09 07:00Z', '2026-11-09 07:00Z', '{}', true);
INSERT INTO snapshot_rewrites (topic_id, behind, finished) VALUES
    ('00000000-0000-0000-0009-000000000001', '00000000-0000-0000-0001-000000000091', true),
    ('00000000-0000-0000-0009-000000000002', '00000000-0000-0000-0001-000000000091', false);
