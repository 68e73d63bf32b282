"""What a run has found, on one page that needs no network."""
