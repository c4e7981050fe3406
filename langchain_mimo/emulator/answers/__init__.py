"""The emulator's own answers: what it says when no script tells it what to say."""
