"""Builds LangChain messages, chunks and events from decoded responses."""
