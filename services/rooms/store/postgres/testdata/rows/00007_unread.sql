-- A Group with a message that counts and one that does not, of which a member has read the first, and has yet to be told of as a reader.
INSERT INTO users (id, display_name, read_receipts) VALUES ('00000000-0000-0000-0000-000000000071', 'Frank', false);
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, messages, counted) VALUES
    ('00000000-0000-0000-0001-000000000071', 'Group', 'Counted', '00000000-0000-0000-0000-000000000071', '2026-11-07 08:00Z', '2026-11-07 09:00Z', 0, 9, '{}', 2, 1);
INSERT INTO members (room_id, user_id, position, status, joined_at, read_offset, read_counted, own_after, untold_since, untold_trace, read_epoch, opened, receipt) VALUES
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0000-000000000071', 0, 'Joined', '2026-11-07 08:00Z', 8, 1, 0, '2026-11-07 09:01Z', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 0, true, true);
INSERT INTO message_positions (room_id, message_id, sender_id, log_offset, number, counted, at, epoch) VALUES
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0003-000000000071', '00000000-0000-0000-0000-000000000001', 8, 1, 1, '2026-11-07 08:30Z', 0),
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0003-000000000072', NULL, 9, 2, 1, '2026-11-07 09:00Z', 0);
INSERT INTO log_progress (partition, epoch, next_offset) VALUES (3, 0, 10);
