"""Representations: an encoder's output for each sample of a split, computed once, stored, read by place."""
