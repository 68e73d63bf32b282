"""Everything that draws rasters: labels, predictions, sheets."""
