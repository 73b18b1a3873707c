-- What an owner may read of identity: itself, its credentials and factors. Hashes and secrets are not among the columns.
CREATE TABLE identity.own_principal (LIKE identity.principal);
ALTER TABLE identity.own_principal ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_principal FOR SELECT TO cambista_own USING (id = runtime.own_id());
ALTER TABLE identity.principal INHERIT identity.own_principal;

CREATE TABLE identity.own_customer (
    id uuid,
    sealed bytea,
    country text,
    created_at timestamptz
);
ALTER TABLE identity.own_customer ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_customer FOR SELECT TO cambista_own USING (id = runtime.own_id());
ALTER TABLE identity.customer INHERIT identity.own_customer;

CREATE TABLE identity.own_api_key (
    id uuid,
    owner_id uuid,
    name text,
    prefix text,
    scopes text[],
    created_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz,
    last_used_at timestamptz,
    networks cidr[],
    -- Sealed for the owner; a list only asks whether there is one.
    signing_secret bytea,
    replaced_by uuid
);
ALTER TABLE identity.own_api_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_api_key FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.api_key INHERIT identity.own_api_key;

CREATE TABLE identity.own_session (
    id uuid,
    owner_id uuid,
    device text,
    address text,
    created_at timestamptz,
    idle_until timestamptz,
    idle_s int,
    expires_at timestamptz,
    proved_at timestamptz,
    revoked_at timestamptz
);
ALTER TABLE identity.own_session ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_session FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.session INHERIT identity.own_session;

GRANT USAGE ON SCHEMA identity TO cambista_own;
GRANT SELECT ON
    identity.own_principal, identity.own_customer, identity.own_api_key, identity.own_session
    TO cambista_own;
