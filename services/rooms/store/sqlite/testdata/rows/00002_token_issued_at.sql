INSERT INTO users (id, display_name, token_issued_at) VALUES (x'03', 'carol', 2000);
