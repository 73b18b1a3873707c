-- What each pair did each day, added up from TradeExecuted. Can be dropped and built again from the trades.
CREATE SCHEMA IF NOT EXISTS analytics;

CREATE TABLE analytics.pair_day (
    pair text NOT NULL,
    day date NOT NULL,
    trades bigint NOT NULL CHECK (trades > 0),
    base_volume numeric NOT NULL,
    quote_volume numeric NOT NULL,
    notional_usd numeric NOT NULL,
    spread_earned numeric NOT NULL,
    fees numeric NOT NULL,
    spread_usd numeric NOT NULL,
    fees_usd numeric NOT NULL,
    PRIMARY KEY (day, pair)
) WITH (fillfactor = 70);

GRANT SELECT, INSERT, UPDATE ON analytics.pair_day TO cambista_app;
