"""The format of `/v1/chat/completions`."""
