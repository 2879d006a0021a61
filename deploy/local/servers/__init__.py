"""Real servers as owned children: what the local stack and the tests run on."""
