"""Decoded responses to LangChain messages, chunks and events."""
