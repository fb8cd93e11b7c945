-- Two users who are friends.
INSERT INTO users (id, display_name, tenant, search_name, description, role, street_credits, friends_count) VALUES
    (x'61', 'Dave', 'acme', 'dave', 'sails', 'admin', 7, 1), (x'62', 'Erin', 'acme', 'erin', NULL, NULL, 0, 1);
INSERT INTO relationships (user_id, other_id, kind, since) VALUES (x'61', x'62', 'FRIEND', 6000), (x'62', x'61', 'FRIEND', 6000);
