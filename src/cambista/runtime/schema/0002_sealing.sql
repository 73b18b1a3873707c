-- Data keys of sealed personal data, wrapped by a key-encryption key that stands outside the database.
CREATE TABLE runtime.data_key (
    -- Whose data: a customer, a person of the staff, or one of the house's own fixed subjects.
    subject uuid NOT NULL,
    -- Grows when something is sealed for a subject after a shredding.
    version int NOT NULL CHECK (version BETWEEN 1 AND 65535),
    -- NULL once shredded: what was sealed under it can never be read again.
    wrapped bytea CHECK (length(wrapped) BETWEEN 32 AND 4096),
    -- The key-encryption key that wrapped it, as provider:name:version.
    kek text NOT NULL CHECK (length(kek) BETWEEN 1 AND 2048),
    wrapped_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    shredded_at timestamptz,
    PRIMARY KEY (subject, version),
    CHECK ((wrapped IS NULL) = (shredded_at IS NOT NULL))
) WITH (fillfactor = 80);
CREATE INDEX data_key_kek ON runtime.data_key (kek, wrapped_at) WHERE wrapped IS NOT NULL;

CREATE FUNCTION runtime.keep_shredded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a shredded key stays shredded' USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER keep_shredded BEFORE UPDATE ON runtime.data_key
    FOR EACH ROW WHEN (OLD.shredded_at IS NOT NULL) EXECUTE FUNCTION runtime.keep_shredded();

-- Answers that show personal data are remembered sealed, under a key of the house.
ALTER TABLE runtime.idempotency ADD COLUMN sealed boolean NOT NULL DEFAULT false;

GRANT SELECT, INSERT ON runtime.data_key TO cambista_app;
GRANT UPDATE (wrapped, kek, wrapped_at, shredded_at) ON runtime.data_key TO cambista_app;
