"""MiMo's two API formats, read and written from the reference."""
