-- Every credential in one view, so that one question tells whether it still opens the door.
CREATE VIEW identity.credential AS
    SELECT id, owner_id, 'key' AS kind, hash, scopes, NULL::uuid AS client_id, expires_at, revoked_at,
        NULL::timestamptz AS proved_at
    FROM identity.api_key
    UNION ALL
    SELECT id, owner_id, 'session', hash, '{}', NULL, least(expires_at, idle_until), revoked_at, proved_at
    FROM identity.session
    UNION ALL
    SELECT id, owner_id, 'token', NULL, scopes, client_id, expires_at, revoked_at, NULL
    FROM identity.oauth_grant;

GRANT SELECT ON identity.credential TO cambista_app;
