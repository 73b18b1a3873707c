-- Personal data of payments, sealed.
SELECT;
