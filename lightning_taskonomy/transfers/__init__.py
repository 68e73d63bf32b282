"""Taskonomy's step II: representations, readouts trained together, racing, the live tournament."""
