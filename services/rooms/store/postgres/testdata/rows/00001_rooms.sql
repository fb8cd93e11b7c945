INSERT INTO users (id, display_name, picture) VALUES
    ('00000000-0000-0000-0000-000000000001', 'alice', 'https://example.com/alice.png'),
    ('00000000-0000-0000-0000-000000000002', 'bob', NULL);
INSERT INTO rooms (id, type, name, image_url, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, pair_low, pair_high) VALUES
    ('00000000-0000-0000-0001-000000000001', 'Single', NULL, NULL, '00000000-0000-0000-0000-000000000001', '2026-11-01 08:00Z', '2026-11-01 08:05Z', 0, 7,
     '{"type": "Text"}', '00000000-0000-0000-0000-000000000001', '00000000-0000-0000-0000-000000000002'),
    ('00000000-0000-0000-0001-000000000002', 'Group', 'Lunch', 'https://example.com/lunch.png', '00000000-0000-0000-0000-000000000002', '2026-11-01 09:00Z',
     '2026-11-01 09:00Z', -1, -1, '{}', NULL, NULL);
INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at) VALUES
    ('00000000-0000-0000-0001-000000000001', '00000000-0000-0000-0000-000000000001', 0, 'Joined', '2026-11-01 08:00Z', '2026-11-01 08:06Z'),
    ('00000000-0000-0000-0001-000000000001', '00000000-0000-0000-0000-000000000002', 1, 'Joined', '2026-11-01 08:00Z', NULL),
    ('00000000-0000-0000-0001-000000000002', '00000000-0000-0000-0000-000000000002', 0, 'Joined', '2026-11-01 09:00Z', NULL);
INSERT INTO outbox (topic, key, headers, value, created_at) VALUES
    ('ism.rooms', '00000000-0000-0000-0001-000000000002', '{"ce_type": "ism.room.created.v1"}', '\x7b7d', '2026-11-01 09:00Z');
