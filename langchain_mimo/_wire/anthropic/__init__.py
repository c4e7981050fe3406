"""Requests, responses and streams of `/anthropic/v1/messages`."""
