"""A request in neutral form, the response to it, and the record that tests read."""
