"""Shards to batches: the plan of an epoch, reading by place, broken samples, and the DataModule."""
