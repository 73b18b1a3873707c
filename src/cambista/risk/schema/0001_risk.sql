-- What each customer has traded a day, and limits other than the house's own; in the reporting asset's smallest units.
CREATE SCHEMA IF NOT EXISTS risk;

CREATE TABLE risk.daily_use (
    customer_id uuid NOT NULL,
    day date NOT NULL,
    units bigint NOT NULL CHECK (units >= 0),
    PRIMARY KEY (customer_id, day)
) WITH (fillfactor = 70);

CREATE TABLE risk.customer_limit (
    customer_id uuid PRIMARY KEY,
    trade_max bigint NOT NULL CHECK (trade_max >= 0),
    day_max bigint NOT NULL CHECK (day_max >= 0)
);

GRANT SELECT, INSERT, UPDATE ON risk.daily_use, risk.customer_limit TO cambista_app;
