-- A user who keeps private what it has read, in a room of which it has read one of two messages, and has marked that a moment ago.
INSERT INTO users (id, display_name, read_receipts) VALUES (x'71', 'frank', 0);
INSERT INTO rooms (id, type, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, messages, counted) VALUES
    (x'0171', 'Group', x'71', 7000, 7900, 1, 42, '{}', 2, 2);
INSERT INTO members (room_id, user_id, position, status, joined_at, last_read_at, read_epoch, read_offset, read_counted, own_after, opened, untold_since,
                     untold_trace, receipt) VALUES
    (x'0171', x'71', 0, 'Joined', 7000, 7500, 1, 40, 1, 1, 1, 7901, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 1);
INSERT INTO message_positions (room_id, message_id, sender_id, epoch, log_offset, number, counted, at) VALUES
    (x'0171', x'0371', x'71', 1, 40, 1, 1, 7500), (x'0171', x'0372', x'71', 1, 42, 2, 2, 7900);
INSERT INTO log_progress (partition, epoch, next_offset) VALUES (3, 1, 43);
