-- Every credential in one view, so that one question tells whether it still opens the door.
CREATE VIEW identity.credential AS
    SELECT id, owner_id, 'key' AS kind, hash, scopes, NULL::uuid AS client_id, expires_at, revoked_at,
        NULL::timestamptz AS proved_at, networks, signing_secret,
        NULL::bytea AS agent_hash
    FROM identity.api_key
    UNION ALL
    SELECT id, owner_id, 'session', hash, '{}', NULL, least(expires_at, idle_until), revoked_at, proved_at, '{}', NULL,
        agent_hash
    FROM identity.session
    UNION ALL
    -- A grant ends with its client, and sleeps while the client's owner is blocked.
    SELECT g.id, g.owner_id, 'token', NULL, g.scopes, g.client_id, g.expires_at, least(g.revoked_at, c.revoked_at),
        NULL, '{}', NULL, NULL
    FROM identity.oauth_grant g
    JOIN identity.oauth_client c ON c.id = g.client_id
    JOIN identity.principal p ON p.id = c.owner_id AND p.status = 'active';

GRANT SELECT ON identity.credential TO cambista_app;
