"""Tool choices, and tool calls forced on an API that cannot force them."""
