-- The journal: with which credential, on whose behalf, before and after.
SELECT;
