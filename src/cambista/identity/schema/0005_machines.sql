-- API keys: address lists, rotation, request signing.
SELECT;
