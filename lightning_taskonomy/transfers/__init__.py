"""Step II: representations, readouts trained together, racing, the live tournament."""
