"""The foundations that all rooms share: output, errors, processes, signals, reading images."""
