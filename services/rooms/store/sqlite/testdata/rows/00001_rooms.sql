INSERT INTO users (id, display_name, picture) VALUES (x'01', 'alice', 'https://example.com/alice.png'), (x'02', 'bob', NULL);
INSERT INTO rooms (id, type, name, image_url, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, pair_low, pair_high) VALUES
    (x'11', 'Single', NULL, NULL, x'01', 1000, 1005, 0, 7, '{"type": "Text"}', x'01', x'02'),
    (x'12', 'Group', 'Lunch', 'https://example.com/lunch.png', x'02', 1100, 1100, -1, -1, '{}', NULL, NULL);
INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at) VALUES
    (x'11', x'01', 0, 'Joined', 1000, 1006),
    (x'11', x'02', 1, 'Joined', 1000, NULL),
    (x'12', x'02', 0, 'Joined', 1100, NULL);
INSERT INTO outbox (topic, key, headers, value, created_at) VALUES ('ism.rooms', 'key', '{"ce_type": "ism.room.created.v1"}', x'7b7d', 1100);
