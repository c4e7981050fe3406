"""The HTTP side: connections, and how responses are delivered over them."""
