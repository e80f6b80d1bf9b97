"""The kinds of data that is opened by its path, one file each."""
