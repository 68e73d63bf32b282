"""Figures of taxonomies and of the evidence for them, drawn by matplotlib without a display."""
