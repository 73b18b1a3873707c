-- OAuth2: clients of partners, what was granted to them, and the keys access tokens are signed with.
CREATE TABLE identity.oauth_client (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    -- SHA-256 of the secret; none for a client that cannot keep one.
    hash bytea CHECK (length(hash) = 32),
    -- The secret before the last rotation, which still counts for a while.
    old_hash bytea CHECK (length(old_hash) = 32),
    old_until timestamptz,
    redirect_uris text[] NOT NULL CHECK (cardinality(redirect_uris) <= 10),
    flows text[] NOT NULL CHECK (flows <@ '{client_credentials,authorization_code,refresh_token}'),
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    created_at timestamptz NOT NULL,
    revoked_at timestamptz,
    CHECK ((old_hash IS NULL) = (old_until IS NULL))
);
CREATE INDEX oauth_client_owner ON identity.oauth_client (owner_id, id);

CREATE TABLE identity.oauth_grant (
    id uuid PRIMARY KEY,
    client_id uuid NOT NULL REFERENCES identity.oauth_client,
    -- On whose behalf: the client's owner, or the customer who agreed.
    owner_id uuid NOT NULL REFERENCES identity.principal,
    -- Never empty: a credential without scopes could do all its owner may.
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    flow text NOT NULL CHECK (flow IN ('client_credentials', 'authorization_code')),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    revoked_at timestamptz
);
CREATE INDEX oauth_grant_owner ON identity.oauth_grant (owner_id, id) WHERE flow = 'authorization_code';
CREATE INDEX oauth_grant_client ON identity.oauth_grant (client_id);
CREATE INDEX oauth_grant_expiry ON identity.oauth_grant (expires_at);

-- An authorization code stands for what the customer agreed to, until it is exchanged, once.
CREATE TABLE identity.oauth_code (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    client_id uuid NOT NULL REFERENCES identity.oauth_client,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    scopes text[] NOT NULL CHECK (cardinality(scopes) > 0),
    redirect_uri text NOT NULL,
    -- PKCE (RFC 7636), S256.
    challenge text NOT NULL CHECK (length(challenge) = 43),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz,
    grant_id uuid REFERENCES identity.oauth_grant ON DELETE CASCADE
);
CREATE INDEX oauth_code_expiry ON identity.oauth_code (expires_at);
CREATE INDEX oauth_code_grant ON identity.oauth_code (grant_id);

-- Refresh tokens, each good for one use. A used one is kept to its end: seen again, it ends the grant.
CREATE TABLE identity.oauth_refresh (
    hash bytea PRIMARY KEY CHECK (length(hash) = 32),
    grant_id uuid NOT NULL REFERENCES identity.oauth_grant ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL CHECK (expires_at > created_at),
    used_at timestamptz
);
CREATE INDEX oauth_refresh_grant ON identity.oauth_refresh (grant_id);

-- Keys of access tokens: published before use, in use, and kept until the last token signed with them has expired.
CREATE TABLE identity.oauth_key (
    kid text PRIMARY KEY CHECK (kid ~ '^[A-Za-z0-9_-]{43}$'),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    -- Sealed under the data key of the house's token keys.
    private_key bytea NOT NULL,
    created_at timestamptz NOT NULL,
    signs_from timestamptz NOT NULL,
    signs_until timestamptz NOT NULL CHECK (signs_until >= signs_from),
    verifies_until timestamptz NOT NULL CHECK (verifies_until >= signs_until)
);

GRANT SELECT, INSERT ON identity.oauth_client TO cambista_app;
GRANT UPDATE (hash, old_hash, old_until, revoked_at) ON identity.oauth_client TO cambista_app;
GRANT SELECT, INSERT, DELETE ON identity.oauth_grant, identity.oauth_code, identity.oauth_refresh, identity.oauth_key
    TO cambista_app;
GRANT UPDATE (revoked_at) ON identity.oauth_grant TO cambista_app;
GRANT UPDATE (used_at, grant_id) ON identity.oauth_code TO cambista_app;
GRANT UPDATE (used_at) ON identity.oauth_refresh TO cambista_app;
GRANT UPDATE (signs_until, verifies_until) ON identity.oauth_key TO cambista_app;
