-- A Group with a message that counts and one that does not, of which a member has read the first, and has yet to be told of as a reader.
INSERT INTO users (id, display_name, read_receipts) VALUES (x'71', 'Frank', 0);
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, latest_epoch, latest_offset, preview, messages, counted) VALUES
    (x'71', 'Group', 'Counted', x'71', 7000, 7900, 0, 9, '{}', 2, 1);
INSERT INTO members (room_id, user_id, position, status, joined_at, read_offset, read_counted, own_after, untold_since, untold_trace, read_epoch, opened, receipt) VALUES
    (x'71', x'71', 0, 'Joined', 7000, 8, 1, 0, 7901, '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', 0, 1, 1);
INSERT INTO message_positions (room_id, message_id, sender_id, log_offset, number, counted, at, epoch) VALUES
    (x'71', x'3071', x'01', 8, 1, 1, 7300, 0), (x'71', x'3072', NULL, 9, 2, 1, 7900, 0);
INSERT INTO log_progress (partition, epoch, next_offset) VALUES (3, 0, 10);
