-- A Single room that has ended, whose pair has another one since; and a large Group that a member has joined later.
INSERT INTO rooms (id, type, name, created_by, created_at, membership_version, latest_message, preview, ended_at, since_joining, large, change_version) VALUES
    (x'51', 'Single', NULL, x'01', 500, 2, 500, '{}', 600, 0, 0, 2),
    (x'52', 'Group', 'Everybody', x'03', 5000, 2, 5000, '{}', NULL, 1, 1, 2);
INSERT INTO members (room_id, user_id, position, status, joined_at, joined_message, left_message, left_at) VALUES
    (x'51', x'01', 0, 'Left', 500, NULL, x'31', 600),
    (x'51', x'02', 1, 'Left', 500, NULL, x'31', 600),
    (x'52', x'03', 0, 'Joined', 5000, NULL, NULL, NULL),
    (x'52', x'02', 0, 'Joined', 5100, x'32', NULL, NULL);
