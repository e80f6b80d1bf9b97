"""Folders of pictures as samples: how they are found, labelled, resized and normalised."""
