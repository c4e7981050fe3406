"""Check that users' programs pass strict type checkers: the README's, and one of some 90 lines.

mypy runs with --strict and without pydantic's plugin, pyright (as basedpyright, which brings its
own Node.js) with its standard rules: what a user has who configured nothing for this package.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "tests/fixtures/types/user_program.py"


def readme_program(path: Path) -> str:
    """Return the Python blocks of a README as one program; each uses names of those before it."""
    blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) > 3, f"{path.name} has {len(blocks)} Python blocks"
    return "\n".join(blocks)


def main() -> int:
    """Check the programs in a folder without configuration, and return 1 if one is refused."""
    with tempfile.TemporaryDirectory() as folder:
        programs = {
            "readme.py": readme_program(ROOT / "README.md"),
            "readme_zh.py": readme_program(ROOT / "README.zh-CN.md"),
            "user_program.py": PROGRAM.read_text(encoding="utf-8"),
        }
        for name, text in programs.items():
            Path(folder, name).write_text(text, encoding="utf-8")
        Path(folder, "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "standard"}))
        checks = (
            [sys.executable, "-m", "mypy", "--strict", "--config-file=", *programs],
            [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable],
        )
        return max(subprocess.run(check, cwd=folder, check=False).returncode for check in checks)


if __name__ == "__main__":
    sys.exit(main())
