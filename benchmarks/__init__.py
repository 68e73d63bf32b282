"""Benchmarks: speed as a ratio to a named baseline, measured in one run."""
