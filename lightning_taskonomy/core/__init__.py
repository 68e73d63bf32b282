"""What every room needs and no room is about: output, errors, processes, signals."""
