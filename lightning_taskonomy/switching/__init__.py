"""Task switching networks, whole: networks, data, training, results and figures."""
