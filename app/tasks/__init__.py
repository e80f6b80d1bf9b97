"""The long work of the app, each as a job."""
