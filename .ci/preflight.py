"""Says plainly what a machine lacks before anything is installed. Standard library only."""

import importlib.util
import sys

PACKAGES = {"venv": "python3-venv", "ensurepip": "python3-venv", "sqlite3": "libsqlite3-0"}


def lacking():
    missing = []
    if sys.version_info < (3, 11):
        version = ".".join(map(str, sys.version_info[:3]))
        missing.append(f"Python 3.11 or newer is needed, this is {version}: run  make PYTHON=python3.11 ...")
    for module, package in PACKAGES.items():
        if importlib.util.find_spec(module) is None:
            missing.append(f"Python's module {module} is missing: on Debian  apt-get install {package}")
    return missing


if __name__ == "__main__":
    problems = lacking()
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(1 if problems else 0)
