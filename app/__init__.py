"""The app: what a person touches in the browser, and the command line."""
