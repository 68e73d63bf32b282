"""Pictures of embedded tasks; the look is that of the taxonomy's pictures."""
