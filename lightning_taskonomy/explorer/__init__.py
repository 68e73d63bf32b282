"""A local web page that solves a table of transfers interactively, as a slider moves.

It listens on the local machine by default, reads only the files it was started with, and contacts no other
server: scripts and styles come from the installed packages.
"""
