"""The whole house in one process, from one seed: fortnights with bad weather, and what must hold whatever happens."""
