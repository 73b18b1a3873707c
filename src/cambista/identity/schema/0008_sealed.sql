-- Customers' names and addresses, sealed under each customer's data key; an address is found by its blind index.
ALTER TABLE identity.customer
    ALTER COLUMN email DROP NOT NULL,
    ALTER COLUMN full_name DROP NOT NULL,
    -- Address and name.
    ADD COLUMN sealed bytea CHECK (length(sealed) BETWEEN 32 AND 4096),
    ADD COLUMN email_blind bytea UNIQUE CHECK (length(email_blind) = 32),
    ADD COLUMN forgotten_at timestamptz,
    -- Rows from before are clear until the house has sealed them, which it does before it opens.
    ADD CONSTRAINT clear_or_sealed CHECK (
        CASE
            WHEN sealed IS NULL THEN num_nulls(email, full_name) = 0 AND num_nonnulls(email_blind, forgotten_at) = 0
            ELSE num_nonnulls(email, full_name) = 0 AND num_nonnulls(email_blind, forgotten_at) = 1
        END
    );
CREATE INDEX customer_clear ON identity.customer (id) WHERE sealed IS NULL;

-- The application has no right to rewrite who somebody is. These two do no more than they say, with the owner's rights.
CREATE FUNCTION identity.seal_clear(ids uuid[], seals bytea[], blinds bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE identity.customer c SET sealed = s.sealed, email_blind = s.blind, email = NULL, full_name = NULL
    FROM unnest(ids, seals, blinds) AS s (id, sealed, blind) WHERE c.id = s.id AND c.sealed IS NULL
$$;
CREATE FUNCTION identity.forget(ids uuid[], moment timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE identity.customer SET email_blind = NULL, forgotten_at = moment
    WHERE id = ANY(ids) AND sealed IS NOT NULL AND forgotten_at IS NULL;
    -- What an owner called a key, and from where it was used, may tell who that was.
    UPDATE identity.api_key SET name = '[erased]', networks = '{}'
    WHERE owner_id IN (SELECT id FROM identity.customer WHERE id = ANY(ids) AND forgotten_at = moment)
$$;
REVOKE ALL ON FUNCTION identity.seal_clear, identity.forget FROM PUBLIC;
GRANT EXECUTE ON FUNCTION identity.seal_clear, identity.forget TO cambista_app;
