"""Images and labels as shards: aligned tars, one per domain, with an index of every sample's place."""
