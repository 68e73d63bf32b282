"""Procedural furnished buildings: the same seed always gives the same building."""
