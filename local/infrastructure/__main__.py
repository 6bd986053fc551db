"""`python -m local.infrastructure [up|down]`: starts what is missing, or stops what we started."""

import sys

from local.infrastructure import InfrastructureMissing, ensure_servers, stop_servers

USAGE = "usage: python -m local.infrastructure [up|down]"


def main(arguments: list[str]) -> int:
    command = arguments[0] if arguments else "up"
    if command not in ("up", "down") or len(arguments) > 1:
        print(USAGE, file=sys.stderr)
        return 2
    try:
        if command == "down":
            stop_servers()
        else:
            for name, how in ensure_servers().how.items():
                print(f"{name:<10} {how}")
    except InfrastructureMissing as missing:
        print(missing, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
