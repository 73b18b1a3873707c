-- The audit's chain: each journal entry's number and hashes, the tree above them, checkpoints, and how far sinks are.
CREATE SCHEMA IF NOT EXISTS audit;

-- Where a branch's chain ends. `frontier`: the perfect subtrees of a tree of that size, the largest first, 32 bytes each.
CREATE TABLE audit.head (
    branch text PRIMARY KEY,
    size bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    chain bytea NOT NULL CHECK (length(chain) = 32),
    frontier bytea NOT NULL DEFAULT '' CHECK (length(frontier) % 32 = 0),
    xid xid8 NOT NULL DEFAULT '0',
    position bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

CREATE TABLE audit.link (
    branch text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    entry_id uuid NOT NULL,
    xid xid8 NOT NULL,
    position bigint NOT NULL,
    entry_hash bytea NOT NULL CHECK (length(entry_hash) = 32),
    chain_hash bytea NOT NULL CHECK (length(chain_hash) = 32),
    PRIMARY KEY (branch, number)
);
CREATE INDEX link_entry ON audit.link (entry_id);

-- Roots of the perfect subtrees of 256, 65,536 … leaves (level 8, 16 …): enough for a proof in a few hundred rows.
CREATE TABLE audit.node (
    branch text NOT NULL,
    level smallint NOT NULL CHECK (level > 0 AND level % 8 = 0),
    index bigint NOT NULL CHECK (index >= 0),
    hash bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (branch, level, index)
);

CREATE TABLE audit.checkpoint (
    branch text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    size bigint NOT NULL,
    made_at timestamptz NOT NULL,
    text text NOT NULL CHECK (length(text) < 4000),
    PRIMARY KEY (branch, number)
);
CREATE INDEX checkpoint_size ON audit.checkpoint (branch, size);

-- The last checkpoint each sink has, and how often it failed since.
CREATE TABLE audit.delivery (
    branch text NOT NULL,
    sink text NOT NULL,
    number bigint NOT NULL DEFAULT 0,
    failures int NOT NULL DEFAULT 0,
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (branch, sink)
) WITH (fillfactor = 50);

-- The journal as the audit reads it.
CREATE VIEW audit.entry AS
    SELECT id, occurred_at, branch, actor_id, actor_role, key_id, address, trace_id, name, subject, outcome, facts,
        credential, client_id, agent, before, after, xid, position
    FROM runtime.journal;

CREATE INDEX journal_actor ON runtime.journal (actor_id, xid, position);
CREATE INDEX journal_subject ON runtime.journal (subject, xid, position);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.link
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.node
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

GRANT SELECT, INSERT ON audit.link, audit.node, audit.checkpoint TO cambista_app;
GRANT SELECT, INSERT, UPDATE ON audit.head, audit.delivery TO cambista_app;
GRANT SELECT ON audit.entry TO cambista_app;
