"""Renders triangle scenes by ray casting, to images and labels in Taskonomy's folder layout."""
