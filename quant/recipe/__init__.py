"""What the user asks for: settings, rules, presets, edits, and their JSON."""
