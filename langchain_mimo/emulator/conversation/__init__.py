"""A request in neutral form, and what becomes of it."""
