-- Outbox, listeners' cursors, journal of actions, idempotency records.
CREATE SCHEMA IF NOT EXISTS runtime;

CREATE TABLE runtime.outbox (
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    position bigint GENERATED ALWAYS AS IDENTITY,
    id uuid NOT NULL,
    name text NOT NULL,
    version int NOT NULL,
    occurred_at timestamptz NOT NULL,
    branch text NOT NULL,
    subject text NOT NULL,
    trace_id text NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (xid, position)
);

CREATE TABLE runtime.listener (
    name text PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT '0',
    position bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0
);

CREATE TABLE runtime.dead_letter (
    listener text NOT NULL,
    event_id uuid NOT NULL,
    failed_at timestamptz NOT NULL,
    error text NOT NULL,
    PRIMARY KEY (listener, event_id)
);

CREATE TABLE runtime.journal (
    id uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    branch text NOT NULL,
    actor_id uuid NOT NULL,
    actor_role text NOT NULL,
    key_id uuid,
    address text NOT NULL,
    trace_id text NOT NULL,
    name text NOT NULL,
    subject text NOT NULL,
    outcome text NOT NULL,
    facts jsonb NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE runtime.idempotency (
    caller uuid NOT NULL,
    endpoint text NOT NULL,
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 128),
    fingerprint bytea NOT NULL,
    status int NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (caller, endpoint, key)
);
CREATE INDEX idempotency_age ON runtime.idempotency USING brin (created_at);

CREATE FUNCTION runtime.refuse_rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON runtime.journal
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

GRANT SELECT, INSERT ON runtime.outbox, runtime.journal, runtime.dead_letter TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON runtime.listener TO cambista_app;
GRANT SELECT, INSERT, DELETE ON runtime.idempotency TO cambista_app;
