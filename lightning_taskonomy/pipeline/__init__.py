"""From images to a taxonomy: the plan of jobs, and running it so that it may be killed at any time."""
