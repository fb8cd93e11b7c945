-- +goose Up
-- One row, which readiness checks write: that a database can be read says nothing about writes.
CREATE TABLE probe (id integer PRIMARY KEY, at timestamptz NOT NULL);

-- Whose inbox it is, and where it is: a transaction that adds to an inbox locks its row, so positions are in the order of commits.
CREATE TABLE inboxes (
    user_id    uuid PRIMARY KEY,
    newest     bigint NOT NULL DEFAULT 0, -- the position of the newest entry
    read_up_to bigint NOT NULL DEFAULT 0, -- all up to it are read
    deleted_at timestamptz                -- when the user was deleted
);
CREATE INDEX inboxes_deleted ON inboxes (deleted_at) WHERE deleted_at IS NOT NULL;

-- One partition for each week of what happened, so that retention drops tables.
CREATE TABLE entries (
    user_id    uuid NOT NULL,
    position   bigint NOT NULL,
    id         uuid NOT NULL,
    at         timestamptz NOT NULL,
    expires_at timestamptz,
    read       boolean NOT NULL DEFAULT false, -- by itself; read_up_to says it of all before
    event      text NOT NULL,
    PRIMARY KEY (user_id, position, at)
) PARTITION BY RANGE (at);
CREATE INDEX entries_ids ON entries (user_id, id);
CREATE INDEX entries_expiring ON entries (expires_at) WHERE expires_at IS NOT NULL;

-- The service may be a role that owns no tables: it makes and drops partitions by these alone, with the rights of whoever has migrated.
-- +goose StatementBegin
CREATE FUNCTION make_entries_partition(of timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    week timestamp := date_trunc('week', of AT TIME ZONE 'UTC');
    name text := 'entries_' || to_char(week, 'YYYYMMDD');
BEGIN
    IF to_regclass(name) IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtext('entries partitions'));
        EXECUTE format('CREATE TABLE IF NOT EXISTS %I PARTITION OF entries FOR VALUES FROM (%L) TO (%L)',
            name, week AT TIME ZONE 'UTC', (week + interval '7 days') AT TIME ZONE 'UTC');
    END IF;
END $$;

-- Gives how many it has dropped: those all of whose entries are from before a time.
CREATE FUNCTION drop_entries_partitions(before timestamptz) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    name text;
    dropped integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('entries partitions'));
    FOR name IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'entries'::regclass
    LOOP
        IF to_date(right(name, 8), 'YYYYMMDD') + 7 <= before AT TIME ZONE 'UTC' THEN
            EXECUTE format('DROP TABLE %I', name);
            dropped := dropped + 1;
        END IF;
    END LOOP;
    RETURN dropped;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION drop_entries_partitions;
DROP FUNCTION make_entries_partition;
DROP TABLE entries;
DROP TABLE inboxes;
DROP TABLE probe;
