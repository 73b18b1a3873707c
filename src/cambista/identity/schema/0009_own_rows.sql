-- What a customer may read of its own, and nothing of others.
SELECT;
