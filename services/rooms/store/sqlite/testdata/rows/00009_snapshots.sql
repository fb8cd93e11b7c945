-- A large room, up to which its snapshots have been written to the second incarnation of ism.memberships.
INSERT INTO users (id, display_name) VALUES (x'91', 'somebody');
INSERT INTO rooms (id, type, name, created_by, created_at, latest_message, preview, large) VALUES (x'91', 'Group', 'Hall', x'91', 9000, 9000, '{}', 1);
INSERT INTO snapshot_rewrites (topic_id, behind, finished) VALUES (x'9001', x'91', 1), (x'9002', x'91', 0);
