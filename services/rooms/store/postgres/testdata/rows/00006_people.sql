-- Two users who are friends.
INSERT INTO users (id, display_name, tenant, search_name, description, role, street_credits, friends_count) VALUES
    ('00000000-0000-0000-0000-000000000061', 'Dave', 'acme', 'dave', 'sails', 'admin', 7, 1),
    ('00000000-0000-0000-0000-000000000062', 'Erin', 'acme', 'erin', NULL, NULL, 0, 1);
INSERT INTO relationships (user_id, other_id, kind, since) VALUES
    ('00000000-0000-0000-0000-000000000061', '00000000-0000-0000-0000-000000000062', 'FRIEND', '2026-11-06 08:00Z'),
    ('00000000-0000-0000-0000-000000000062', '00000000-0000-0000-0000-000000000061', 'FRIEND', '2026-11-06 08:00Z');
