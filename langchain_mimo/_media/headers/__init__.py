"""Measures media from their headers, without decoding them."""
