"""Hosts on other machines: Ray places, starts and replaces them. Ray is imported by two files.

`bridge.py` is a process beside the web server that speaks to Ray for it, `draining.py` a command.
"""
