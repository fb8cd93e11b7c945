INSERT INTO users (id, display_name, token_issued_at) VALUES ('00000000-0000-0000-0000-000000000003', 'carol', '2026-11-02 08:00Z');
