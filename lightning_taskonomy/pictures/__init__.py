"""Drawing of raster images: labels, predictions, contact sheets."""
