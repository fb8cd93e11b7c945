-- +goose Up
-- One row, which readiness checks write: that a database can be read says nothing about writes.
CREATE TABLE probe (id integer PRIMARY KEY, at timestamptz NOT NULL);

-- +goose Down
DROP TABLE probe;
