-- Reading as one owner: role cambista_own sees what row-level security lets that owner see, and nothing else.
-- Each room shows rows by a table `own_<name>` above its own one: queries of the parent find the rows of `<name>`, by
-- the parent's policy, while `<name>` itself stays without one, which COPY would refuse to fill.

-- Whose rows are read. An error where nobody was named, so that forgetting it shows nothing.
CREATE FUNCTION runtime.own_id() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
    RETURN current_setting('cambista.owner')::uuid;

-- The owner's data keys, still wrapped: what was sealed for it can be read, and for nobody else.
CREATE TABLE runtime.own_data_key (
    subject uuid,
    version int,
    wrapped bytea,
    kek text
);
ALTER TABLE runtime.own_data_key ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON runtime.own_data_key FOR SELECT TO cambista_own USING (subject = runtime.own_id());
ALTER TABLE runtime.data_key INHERIT runtime.own_data_key;

GRANT USAGE ON SCHEMA runtime TO cambista_own;
GRANT SELECT ON runtime.own_data_key TO cambista_own;
