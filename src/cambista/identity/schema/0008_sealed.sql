-- Personal data, sealed.
SELECT;
