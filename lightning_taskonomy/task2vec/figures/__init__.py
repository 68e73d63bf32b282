"""Figures of embedded tasks, in the style of the taxonomy's figures."""
