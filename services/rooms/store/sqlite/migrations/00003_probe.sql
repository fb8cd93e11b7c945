-- +goose Up
-- One row, which readiness checks write: that a database can be read says nothing about writes.
CREATE TABLE probe (id integer PRIMARY KEY, at integer NOT NULL) STRICT; -- microseconds since 1970

-- +goose Down
DROP TABLE probe;
