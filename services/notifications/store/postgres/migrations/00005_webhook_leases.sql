-- Webhooks are claimed by the process that sends them, and show in the trace of what they tell of.

-- +goose Up
ALTER TABLE webhook_deliveries ADD COLUMN lane integer NOT NULL DEFAULT 0; -- of what is released: those of a lane are sent one after the other
ALTER TABLE webhook_events ADD COLUMN traceparent text NOT NULL DEFAULT '';
-- Of what is released next_at is the end of the lease. What was before has none, and is handed out anew.
UPDATE webhook_deliveries SET state = 'waiting' WHERE state = 'released';

-- +goose Down
UPDATE webhook_deliveries SET state = 'waiting', next_at = NULL WHERE state = 'released';
ALTER TABLE webhook_events DROP COLUMN traceparent;
ALTER TABLE webhook_deliveries DROP COLUMN lane;
