"""The whole house under one seed: customers, market, clock and faults, held against a reference model written apart."""
