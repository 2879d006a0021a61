"""The catalogue: one row per variant, from which everything else derives."""
