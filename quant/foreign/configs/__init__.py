"""Configurations of other tools, one file each, as recipes."""
