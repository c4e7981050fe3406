"""Import every public name of an installed langchain-mimo; run it outside the checkout.

Packages that only an extra installs may be missing: the modules that need one are then named, and
their import must fail in one sentence that says which extra to install.
"""

import importlib
import sys
from pathlib import Path

import langchain_mimo

ROOMS = (
    *("catalogue", "chat_models", "cost", "document_loaders", "errors", "mcp", "media", "prepare"),
    *("retrievers", "tokens"),
)


def main() -> None:
    """Import the names; exit with 1 and say why if one fails."""
    home = Path(langchain_mimo.__file__).resolve().parent
    if Path(__file__).resolve().parents[1] in home.parents and "site-packages" not in home.parts:
        sys.exit(f"{home} is the checkout, not an installed package")
    for name in langchain_mimo.__all__:
        getattr(langchain_mimo, name)
    names = len(langchain_mimo.__all__)
    for room in ROOMS:
        module = importlib.import_module(f"langchain_mimo.{room}")
        for name in getattr(module, "__all__", ()):
            getattr(module, name)
            names += 1
    if not (home / "py.typed").is_file():
        sys.exit("py.typed is missing: type checkers would ignore the package's types")
    try:
        importlib.import_module("langchain_mimo.emulator").MiMoEmulator()
    except Exception as error:
        # Whatever it is, it must say which extra to install.
        if ".[emulator]" not in str(error):
            raise
    print(f"langchain-mimo {langchain_mimo.__version__}: {names} public names import from {home}")


if __name__ == "__main__":
    main()
