"""The whole house over HTTP."""
