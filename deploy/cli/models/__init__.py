"""Commands about models: the catalogue, memory plans, weights."""
