INSERT INTO probe (id, at) VALUES (1, 3000);
