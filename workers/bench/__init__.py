"""Benchmarks of the models in one process: adapters, stock classes and lower bounds."""
