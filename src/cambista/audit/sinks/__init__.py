"""Where checkpoints go outside the house: a file, a webhook, a syslog server."""
