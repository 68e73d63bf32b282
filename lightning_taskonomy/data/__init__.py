"""Images and labels: the folder layout, rendered rooms, annotators, shards and the DataModule."""
