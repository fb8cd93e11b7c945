-- +goose Up
CREATE TABLE log_epochs (
    topic      TEXT NOT NULL,
    topic_id   BLOB NOT NULL,
    partitions INTEGER NOT NULL, -- when it was recorded
    epoch      INTEGER NOT NULL,
    PRIMARY KEY (topic, topic_id),
    UNIQUE (topic, epoch)
) WITHOUT ROWID, STRICT;

-- +goose Down
DROP TABLE log_epochs;
