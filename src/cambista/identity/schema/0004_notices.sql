-- Notices waiting to be sent to people: letters and codes.
SELECT;
