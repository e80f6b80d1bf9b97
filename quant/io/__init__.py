"""Files written whole or not at all; values, tables and numbers as JSON and CSV, and back."""
