"""Custom components: HTML, CSS and JavaScript kept as text, without a build step."""
