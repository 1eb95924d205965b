"""``python -m devmedia``: the program itself."""

from __future__ import annotations

import os
import subprocess
import sys

from devmedia import DevmediaError, binary


def main() -> int:
    try:
        command = [binary(), *sys.argv[1:]]
    except DevmediaError as error:
        print(f"devmedia: {error}", file=sys.stderr)
        return 1
    if os.name == "posix":
        os.execv(command[0], command)
    try:
        return subprocess.call(command)
    except KeyboardInterrupt:
        # the program has received Ctrl-C, too, and has reported it
        return 130


if __name__ == "__main__":
    sys.exit(main())
