"""The pages beside the desk: what they read through the doors, what is done on them, and who may."""
