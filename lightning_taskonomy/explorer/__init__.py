"""A local web page that solves a table of transfers while one moves a slider.

It is bound to the machine itself, reads no file but those it was started with, and asks no other server for
anything: scripts and styles come from the installed packages.
"""
