-- +goose Up
CREATE TABLE log_epochs (
    topic      text NOT NULL,
    topic_id   uuid NOT NULL,
    partitions integer NOT NULL, -- when it was recorded
    epoch      integer NOT NULL,
    PRIMARY KEY (topic, topic_id),
    UNIQUE (topic, epoch)
);

-- +goose Down
DROP TABLE log_epochs;
