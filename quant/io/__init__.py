"""Files written whole or not at all, and tables and numbers as JSON and CSV."""
