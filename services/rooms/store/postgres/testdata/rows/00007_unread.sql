-- A user who keeps private what it has read, in a room of which it has read one of two messages, and has marked that a moment ago.
INSERT INTO users (id, display_name, read_receipts) VALUES ('00000000-0000-0000-0000-000000000071', 'frank', false);
INSERT INTO rooms (id, type, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, messages, counted) VALUES
    ('00000000-0000-0000-0001-000000000071', 'Group', '00000000-0000-0000-0000-000000000071', '2026-11-07 08:00Z', '2026-11-07 09:00Z', 1, 42, '{}', 2, 2);
INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at, read_epoch, read_offset, read_counted, own_after, opened, untold_since,
                     untold_trace, receipt) VALUES
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0000-000000000071', 0, 'Joined', '2026-11-07 08:00Z', '2026-11-07 08:30Z', 1, 40, 1, 1, true,
     '2026-11-07 09:01Z', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true);
INSERT INTO message_positions (room_id, message_id, sender_id, epoch, log_offset, number, counted, at) VALUES
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0003-000000000071', '00000000-0000-0000-0000-000000000071', 1, 40, 1, 1, '2026-11-07 08:30Z'),
    ('00000000-0000-0000-0001-000000000071', '00000000-0000-0000-0003-000000000072', '00000000-0000-0000-0000-000000000071', 1, 42, 2, 2, '2026-11-07 09:00Z');
INSERT INTO log_progress (partition, epoch, next_offset) VALUES (3, 1, 43);
