-- +goose Up
-- When the token was issued that a user's name and picture come from, microseconds since 1970. NULL: it is not known, any token
-- counts for newer.
ALTER TABLE users ADD COLUMN token_issued_at integer;

-- +goose Down
ALTER TABLE users DROP COLUMN token_issued_at;
