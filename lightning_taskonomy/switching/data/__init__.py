"""Several tasks of the same pictures: turns of tasks, and readers of PASCAL-Context and NYUD."""
