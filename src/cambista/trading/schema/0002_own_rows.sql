-- What a customer may read of its own.
SELECT;
