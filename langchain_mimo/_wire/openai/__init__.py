"""Requests, responses and streams of `/v1/chat/completions`."""
