"""What each unit does to the outputs, by running only what differs."""
