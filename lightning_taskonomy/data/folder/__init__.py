"""Images and labels as files: the layouts of Omnidata and of the original Taskonomy set."""
