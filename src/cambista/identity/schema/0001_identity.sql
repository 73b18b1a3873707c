-- Principals, customers, API keys. A key is stored as the SHA-256 of 256 random bits and more, never as issued.
CREATE SCHEMA IF NOT EXISTS identity;

CREATE TABLE identity.principal (
    id uuid PRIMARY KEY,
    role text NOT NULL CHECK (
        role IN ('customer', 'partner', 'operator', 'compliance', 'treasurer', 'admin', 'auditor')
    ),
    -- A customer's name stands in its own table.
    name text NOT NULL CHECK (length(name) <= 200 AND (role = 'customer') = (name = '')),
    status text NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'blocked')),
    created_at timestamptz NOT NULL
);
CREATE INDEX principal_staff ON identity.principal (id) WHERE role <> 'customer';

CREATE TABLE identity.customer (
    id uuid PRIMARY KEY REFERENCES identity.principal,
    email text NOT NULL UNIQUE CHECK (email = lower(email) AND length(email) BETWEEN 3 AND 254),
    full_name text NOT NULL CHECK (length(full_name) BETWEEN 1 AND 200),
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$'),
    created_at timestamptz NOT NULL
);

CREATE TABLE identity.api_key (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES identity.principal,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100),
    prefix text NOT NULL CHECK (prefix ~ '^[a-z2-7]{8}$'),
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz CHECK (expires_at > created_at),
    revoked_at timestamptz,
    last_used_at timestamptz
) WITH (fillfactor = 80);
CREATE INDEX api_key_owner ON identity.api_key (owner_id, id);

GRANT SELECT, INSERT ON identity.principal, identity.customer, identity.api_key TO cambista_app;
GRANT UPDATE (status) ON identity.principal TO cambista_app;
GRANT UPDATE (revoked_at, last_used_at) ON identity.api_key TO cambista_app;
