-- People: sessions. A session's token is stored as its SHA-256, like a key.
CREATE TABLE identity.session (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    created_at timestamptz NOT NULL,
    -- The absolute end, and the end unless it is used again before.
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    idle_until timestamptz NOT NULL,
    revoked_at timestamptz,
    -- When a second factor was last shown in this session.
    proved_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX session_owner ON identity.session (owner_id, id);

GRANT SELECT, INSERT ON identity.session TO cambista_app;
GRANT UPDATE (idle_until, revoked_at, proved_at) ON identity.session TO cambista_app;
