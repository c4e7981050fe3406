"""Media: what they are, where they are, and how their bytes travel."""
