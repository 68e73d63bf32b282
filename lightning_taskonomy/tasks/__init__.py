"""What a task is, and the dictionary of them. The ground floor: knows no files and no networks."""
