-- A Single room that has ended, whose pair has another one since; and a large Group that a member has joined later.
INSERT INTO rooms (id, type, name, created_by, created_at, membership_version, latest_message, preview, ended_at, since_joining, large, change_version) VALUES
    ('00000000-0000-0000-0001-000000000051', 'Single', NULL, '00000000-0000-0000-0000-000000000001', '2026-10-01 08:00Z', 2, '2026-10-01 08:00Z', '{}',
     '2026-10-02 08:00Z', false, false, 2),
    ('00000000-0000-0000-0001-000000000052', 'Group', 'Everybody', '00000000-0000-0000-0000-000000000003', '2026-11-05 08:00Z', 2, '2026-11-05 08:00Z', '{}',
     NULL, true, true, 2);
INSERT INTO members (room_id, user_id, position, status, joined_at, joined_message, left_message, left_at) VALUES
    ('00000000-0000-0000-0001-000000000051', '00000000-0000-0000-0000-000000000001', 0, 'Left', '2026-10-01 08:00Z', NULL,
     '00000000-0000-0000-0003-000000000001', '2026-10-02 08:00Z'),
    ('00000000-0000-0000-0001-000000000051', '00000000-0000-0000-0000-000000000002', 1, 'Left', '2026-10-01 08:00Z', NULL,
     '00000000-0000-0000-0003-000000000001', '2026-10-02 08:00Z'),
    ('00000000-0000-0000-0001-000000000052', '00000000-0000-0000-0000-000000000003', 0, 'Joined', '2026-11-05 08:00Z', NULL, NULL, NULL),
    ('00000000-0000-0000-0001-000000000052', '00000000-0000-0000-0000-000000000002', 0, 'Joined', '2026-11-05 09:00Z',
     '00000000-0000-0000-0003-000000000002', NULL, NULL);
