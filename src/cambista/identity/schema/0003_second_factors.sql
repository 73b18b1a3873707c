-- Second factors of people.
SELECT;
