"""Commands about models: the catalogue and the weights."""
