"""REST: one file a room; each translates requests into use cases and answers into the wire's words."""
