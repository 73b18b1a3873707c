-- Quotes and trades. Both are append-only: whether a quote is taken is whether its trade exists.
CREATE SCHEMA IF NOT EXISTS trading;

CREATE TABLE trading.quote (
    id uuid PRIMARY KEY,
    customer_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('firm', 'reference', 'direct')),
    pair text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    price numeric NOT NULL CHECK (price > 0),
    base_units bigint NOT NULL CHECK (base_units > 0),
    quote_units bigint NOT NULL CHECK (quote_units > 0),
    fee_units bigint NOT NULL CHECK (fee_units >= 0),
    tax_units bigint NOT NULL CHECK (tax_units >= 0),
    spread_units bigint NOT NULL,
    notional_units bigint NOT NULL CHECK (notional_units >= 0),
    rung text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    receipt_sha256 text NOT NULL,
    receipt_signature text NOT NULL,
    receipt_key_id text NOT NULL,
    receipt text NOT NULL,
    CHECK (expires_at <= created_at + interval '120 seconds')
) WITH (toast_tuple_target = 8160);
ALTER TABLE trading.quote ALTER COLUMN receipt SET STORAGE EXTERNAL;
CREATE INDEX quote_open ON trading.quote (customer_id, expires_at) WHERE kind = 'firm';

CREATE TABLE trading.trade (
    id uuid PRIMARY KEY,
    quote_id uuid NOT NULL UNIQUE,
    customer_id uuid NOT NULL,
    pair text NOT NULL,
    side text NOT NULL CHECK (side IN ('buy', 'sell')),
    price numeric NOT NULL CHECK (price > 0),
    base_units bigint NOT NULL CHECK (base_units > 0),
    quote_units bigint NOT NULL CHECK (quote_units > 0),
    fee_units bigint NOT NULL CHECK (fee_units >= 0),
    tax_units bigint NOT NULL CHECK (tax_units >= 0),
    spread_units bigint NOT NULL,
    notional_units bigint NOT NULL CHECK (notional_units >= 0),
    rung text NOT NULL,
    executed_at timestamptz NOT NULL
);
CREATE INDEX trade_customer ON trading.trade (customer_id, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.quote
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trading.trade
    FOR EACH STATEMENT EXECUTE FUNCTION runtime.refuse_rewrite();

GRANT SELECT, INSERT ON trading.quote, trading.trade TO cambista_app;
