-- What an owner may read of trading: its quotes and trades (see runtime/schema/0004_own_rows.sql).
CREATE TABLE trading.own_quote (LIKE trading.quote);
ALTER TABLE trading.own_quote ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON trading.own_quote FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE trading.quote INHERIT trading.own_quote;

CREATE TABLE trading.own_trade (LIKE trading.trade);
ALTER TABLE trading.own_trade ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON trading.own_trade FOR SELECT TO cambista_own USING (customer_id = runtime.own_id());
ALTER TABLE trading.trade INHERIT trading.own_trade;

GRANT USAGE ON SCHEMA trading TO cambista_own;
GRANT SELECT ON trading.own_quote, trading.own_trade TO cambista_own;
