"""Speed as ratios to a named baseline, measured in one run."""
