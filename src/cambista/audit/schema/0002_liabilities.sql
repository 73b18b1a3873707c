-- Certificates of solvency, and the Merkle-sum trees behind them.
CREATE SCHEMA IF NOT EXISTS audit;

CREATE TABLE audit.certificate (
    id uuid PRIMARY KEY,
    branch text NOT NULL,
    day date NOT NULL,
    as_of timestamptz NOT NULL,
    -- Canonical JSON, byte for byte what was hashed and signed.
    statement text NOT NULL,
    signature bytea NOT NULL CHECK (length(signature) = 64),
    public_key bytea NOT NULL CHECK (length(public_key) = 32),
    -- What that day's salts and places are drawn from, sealed.
    secret bytea NOT NULL,
    UNIQUE (branch, day)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.certificate
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

-- Trees are written before their certificate, an asset a transaction; one without a certificate belongs to a broken attempt.
CREATE TABLE audit.liability_tree (
    certificate_id uuid NOT NULL,
    asset text NOT NULL,
    depth smallint NOT NULL,
    customers integer NOT NULL,
    tops bytea NOT NULL,
    PRIMARY KEY (certificate_id, asset)
);
-- Hashes do not compress, and a path reads 48 bytes a level from here and there.
ALTER TABLE audit.liability_tree ALTER COLUMN tops SET STORAGE EXTERNAL;

CREATE TABLE audit.liability_chunk (
    certificate_id uuid NOT NULL,
    asset text NOT NULL,
    number integer NOT NULL,
    first_place bytea NOT NULL CHECK (length(first_place) = 16),
    leaves bytea NOT NULL CHECK (length(leaves) = 6144),
    PRIMARY KEY (certificate_id, asset, first_place)
);
ALTER TABLE audit.liability_chunk ALTER COLUMN leaves SET STORAGE EXTERNAL;

GRANT SELECT, INSERT ON audit.certificate TO cambista_app;
GRANT SELECT, INSERT, DELETE ON audit.liability_tree, audit.liability_chunk TO cambista_app;
