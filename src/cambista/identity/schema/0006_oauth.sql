-- OAuth2: clients of partners, and what was granted to them.
CREATE TABLE identity.oauth_client (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    created_at timestamptz NOT NULL
);

CREATE TABLE identity.oauth_grant (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES identity.oauth_client,
    -- On whose behalf: the client's owner, or the customer who agreed.
    owner_id uuid NOT NULL REFERENCES identity.principal,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    revoked_at timestamptz
);

GRANT SELECT, INSERT ON identity.oauth_client, identity.oauth_grant TO cambista_app;
GRANT UPDATE (revoked_at) ON identity.oauth_grant TO cambista_app;
