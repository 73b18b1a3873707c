-- The role under which a customer's own rows are read.
SELECT;
