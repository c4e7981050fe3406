"""The format of `/anthropic/v1/messages`."""
