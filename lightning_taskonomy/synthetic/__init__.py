"""Rendered rooms, and pictures with every label from a 3D scan."""
