"""LangChain chat model for Xiaomi MiMo."""

__version__ = "0.1.0"
