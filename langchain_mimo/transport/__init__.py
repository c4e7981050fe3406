"""HTTP: httpx and nothing above it."""
