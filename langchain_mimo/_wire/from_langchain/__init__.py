"""LangChain messages to turns."""
