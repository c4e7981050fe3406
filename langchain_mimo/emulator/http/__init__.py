"""The HTTP layer: connections, and the delivery of responses."""
