"""Task switching networks: networks, data, training, results and figures."""
