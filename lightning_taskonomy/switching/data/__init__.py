"""Multi-task data: loaders that alternate between tasks, and readers of PASCAL-Context and NYUD."""
