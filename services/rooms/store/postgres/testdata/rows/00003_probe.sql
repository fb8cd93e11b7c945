INSERT INTO probe (id, at) VALUES (1, '2026-11-03 08:00Z');
