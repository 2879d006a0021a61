"""Real servers as child processes, for the local stack and for the tests."""
