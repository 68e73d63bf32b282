"""Representations: what an encoder makes of each sample of a split, made once, kept, read back by place."""
