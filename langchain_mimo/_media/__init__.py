"""Media: identifying files, opening references, and encoding them while a request is sent."""
