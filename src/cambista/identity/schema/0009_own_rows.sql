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

CREATE TABLE identity.own_login (
    principal_id uuid,
    -- Sealed, as the phone's number below.
    email bytea,
    language text,
    password_set_at timestamptz
);
ALTER TABLE identity.own_login ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_login FOR SELECT TO cambista_own USING (principal_id = runtime.own_id());
ALTER TABLE identity.login INHERIT identity.own_login;

CREATE TABLE identity.own_totp (
    owner_id uuid,
    confirmed_at timestamptz
);
ALTER TABLE identity.own_totp ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_totp FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.totp INHERIT identity.own_totp;

CREATE TABLE identity.own_phone (
    id uuid,
    owner_id uuid,
    number bytea,
    number_index bytea,
    confirmed_at timestamptz
);
ALTER TABLE identity.own_phone ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_phone FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.phone INHERIT identity.own_phone;

CREATE TABLE identity.own_recovery_code (
    owner_id uuid,
    used_at timestamptz
);
ALTER TABLE identity.own_recovery_code ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_recovery_code FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.recovery_code INHERIT identity.own_recovery_code;

CREATE TABLE identity.own_passkey (
    id uuid,
    owner_id uuid,
    name text,
    created_at timestamptz,
    last_used_at timestamptz
);
ALTER TABLE identity.own_passkey ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_passkey FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.passkey INHERIT identity.own_passkey;

CREATE TABLE identity.own_oauth_grant (
    id uuid,
    client_id uuid,
    owner_id uuid,
    scopes text[],
    flow text,
    created_at timestamptz,
    expires_at timestamptz,
    revoked_at timestamptz
);
ALTER TABLE identity.own_oauth_grant ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_oauth_grant FOR SELECT TO cambista_own USING (owner_id = runtime.own_id());
ALTER TABLE identity.oauth_grant INHERIT identity.own_oauth_grant;

-- Of a client, its name: to whoever it acts for, and to its own partner.
CREATE TABLE identity.own_oauth_client (
    id uuid,
    owner_id uuid,
    name text,
    revoked_at timestamptz
);
ALTER TABLE identity.own_oauth_client ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON identity.own_oauth_client FOR SELECT TO cambista_own USING (owner_id = runtime.own_id() OR id IN (SELECT client_id FROM identity.own_oauth_grant));
ALTER TABLE identity.oauth_client INHERIT identity.own_oauth_client;

GRANT USAGE ON SCHEMA identity TO cambista_own;
GRANT SELECT ON
    identity.own_principal, identity.own_customer, identity.own_api_key, identity.own_session, identity.own_login,
    identity.own_totp, identity.own_phone, identity.own_recovery_code, identity.own_passkey, identity.own_oauth_grant,
    identity.own_oauth_client
    TO cambista_own;
