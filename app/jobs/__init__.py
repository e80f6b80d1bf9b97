"""Long work on threads, with progress and cancelling."""
