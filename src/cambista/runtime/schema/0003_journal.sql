-- The journal: with which credential, on whose behalf, before and after; and an order in which it can be read to its end.
ALTER TABLE runtime.journal
    ADD COLUMN xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    ADD COLUMN position bigint GENERATED ALWAYS AS IDENTITY,
    ADD COLUMN credential text NOT NULL DEFAULT 'key',
    ADD COLUMN client_id uuid,
    ADD COLUMN agent text NOT NULL DEFAULT '',
    ADD COLUMN before text,
    ADD COLUMN after text;
ALTER TABLE runtime.journal ALTER COLUMN credential DROP DEFAULT, ALTER COLUMN agent DROP DEFAULT;

-- Ids are unique by chance; what every reader needs is the order. One index, as before.
ALTER TABLE runtime.journal DROP CONSTRAINT journal_pkey, ADD PRIMARY KEY (xid, position);

-- The house says what was done; when it stands in the order is not for it to say.
REVOKE INSERT ON runtime.journal FROM cambista_app;
GRANT INSERT (
    id, occurred_at, branch, actor_id, actor_role, key_id, address, trace_id, name, subject, outcome, facts, credential,
    client_id, agent, before, after
) ON runtime.journal TO cambista_app;
