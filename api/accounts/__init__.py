"""The data of one tenant as a whole."""
