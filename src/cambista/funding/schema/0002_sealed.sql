-- Payers, references and accounts, sealed under the customer's data key; a payment is known again by blind indexes.
ALTER TABLE funding.deposit
    ALTER COLUMN reference DROP NOT NULL,
    ALTER COLUMN natural_key DROP NOT NULL,
    ALTER COLUMN reference_folded DROP NOT NULL,
    -- Reference, bank and payer.
    ADD COLUMN sealed bytea CHECK (length(sealed) BETWEEN 32 AND 8192),
    -- What no two payments on the rail share, and the reference as a hurried eye reads it.
    ADD COLUMN key_blind bytea CHECK (length(key_blind) = 32),
    ADD COLUMN reference_blind bytea CHECK (length(reference_blind) = 32),
    DROP CONSTRAINT deposit_rail_natural_key_key,
    ADD UNIQUE (rail, key_blind),
    -- Rows from before are clear until the house has sealed them, which it does before it opens.
    ADD CONSTRAINT clear_or_sealed CHECK (
        CASE
            WHEN sealed IS NULL THEN
                num_nulls(reference, natural_key, reference_folded) = 0 AND num_nonnulls(key_blind, reference_blind) = 0
            ELSE
                num_nonnulls(reference, natural_key, reference_folded, bank, payer_name, payer_document) = 0
                AND num_nulls(key_blind, reference_blind) = 0
        END
    );
DROP INDEX funding.deposit_folded;
CREATE INDEX deposit_alike ON funding.deposit (rail, reference_blind);
CREATE INDEX deposit_clear ON funding.deposit (id) WHERE sealed IS NULL;

ALTER TABLE funding.withdrawal
    ALTER COLUMN account DROP NOT NULL,
    ALTER COLUMN holder DROP NOT NULL,
    -- Account and holder.
    ADD COLUMN sealed bytea CHECK (length(sealed) BETWEEN 32 AND 4096),
    ADD CONSTRAINT clear_or_sealed CHECK (
        CASE WHEN sealed IS NULL THEN num_nulls(account, holder) = 0 ELSE num_nonnulls(account, holder) = 0 END
    );
CREATE INDEX withdrawal_clear ON funding.withdrawal (id) WHERE sealed IS NULL;

-- The application has no right to rewrite what was paid. These two do no more than they say, with the owner's rights.
CREATE FUNCTION funding.seal_deposits(ids uuid[], seals bytea[], keys bytea[], refs bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE funding.deposit d SET
        sealed = s.sealed, key_blind = s.key, reference_blind = s.ref,
        reference = NULL, natural_key = NULL, reference_folded = NULL, bank = NULL, payer_name = NULL,
        payer_document = NULL
    FROM unnest(ids, seals, keys, refs) AS s (id, sealed, key, ref) WHERE d.id = s.id AND d.sealed IS NULL
$$;
CREATE FUNCTION funding.seal_withdrawals(ids uuid[], seals bytea[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog AS $$
    UPDATE funding.withdrawal w SET sealed = s.sealed, account = NULL, holder = NULL
    FROM unnest(ids, seals) AS s (id, sealed) WHERE w.id = s.id AND w.sealed IS NULL
$$;
REVOKE ALL ON FUNCTION funding.seal_deposits, funding.seal_withdrawals FROM PUBLIC;
GRANT EXECUTE ON FUNCTION funding.seal_deposits, funding.seal_withdrawals TO cambista_app;
