"""MiMo's two API formats: reading requests and encoding responses, written from the reference."""
