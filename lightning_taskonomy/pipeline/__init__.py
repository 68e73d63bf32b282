"""From images to a taxonomy: the plan of jobs, and running it here so that it can die at any time."""
