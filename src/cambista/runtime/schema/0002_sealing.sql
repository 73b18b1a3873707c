-- Data keys of sealed personal data.
SELECT;
