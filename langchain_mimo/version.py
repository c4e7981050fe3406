"""The package version, which pyproject.toml reads from here, and how an extra is installed."""

__version__ = "0.1.0"


def install_command(extra: str) -> str:
    """Return the command that installs an extra, for error messages.

    There is no release yet, so it is for a clone of the repository. A release changes this line,
    and the installation sections of the documentation.

    Args:
        extra: The extra's name in pyproject.toml: "av", "emulator" or "langchain".
    """
    return f'pip install ".[{extra}]" in the folder of your clone of langchain-mimo'
