"""Samples streamed from files of any kind."""
