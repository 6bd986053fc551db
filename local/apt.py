"""Installs Debian and Ubuntu packages, so that a bare machine needs no preparation by hand.

Standard library only: `local/bootstrap.py` uses it before any virtual environment exists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

INSTALL_TIMEOUT_SECONDS = 600
POLICY = Path("/usr/sbin/policy-rc.d")
CLUSTER_CONFIGURATION = Path("/etc/postgresql-common/createcluster.conf")

# fsync after every unpacked file is most of dpkg's time on a slow disk; a package half written by
# a power cut is simply installed again. Translations of descriptions are nobody's need here.
FAST = " ".join(
    f"-o {option}"
    for option in (
        "Dpkg::Options::=--force-unsafe-io",
        "Dpkg::Options::=--force-confold",
        "Dpkg::Use-Pty=0",
        "DPkg::Lock::Timeout=120",
        "Acquire::Languages=none",
    )
)

# Packages start their servers as soon as they are unpacked, and PostgreSQL's also makes a cluster.
# Ours are private instances, so both are told not to; what we wrote is taken away again. Another
# vendor's broken package list is no reason to stop before trying.
QUIET_INSTALL = f"""
set -eu
made=
cleanup() {{ [ -z "$made" ] || rm -f $made; }}
trap cleanup EXIT
if [ ! -e {POLICY} ]; then
  printf '#!/bin/sh\\nexit 101\\n' > {POLICY}; chmod 755 {POLICY}; made="{POLICY}"
fi
if [ ! -e {CLUSTER_CONFIGURATION} ]; then
  mkdir -p {CLUSTER_CONFIGURATION.parent}
  echo 'create_main_cluster = false' > {CLUSTER_CONFIGURATION}
  made="$made {CLUSTER_CONFIGURATION}"
fi
export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
apt-get update -q {FAST} || echo 'some package lists could not be refreshed'
apt-get install -q -y --no-install-recommends {FAST} "$@"
"""


class NotInstalled(Exception):
    """Packages could not be installed; the message says why, in one clause."""


def why_not() -> str | None:
    """The reason why packages cannot be installed here, or None when they can."""
    if shutil.which("apt-get") is None:
        return "this is not Debian or Ubuntu (there is no apt-get)"
    if as_root() is None:
        return "installing packages needs root or sudo without a password"
    return None


def as_root() -> list[str] | None:
    """What to put before a command so that root runs it, or None when that is not possible."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo") is None:
        return None
    asked = subprocess.run(["sudo", "-n", "true"], capture_output=True, timeout=10, check=False)
    return ["sudo", "-n"] if asked.returncode == 0 else None


def install(packages: Sequence[str]) -> None:
    """Installs packages without starting any service. Raises NotInstalled."""
    prefix = as_root()
    reason = why_not()
    if prefix is None or reason is not None:
        raise NotInstalled(reason)
    with tempfile.TemporaryFile("w+") as output:
        done = subprocess.run(
            [*prefix, "bash", "-c", QUIET_INSTALL, "install", *packages],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=INSTALL_TIMEOUT_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            output.seek(0)
            raise NotInstalled(f"apt-get said: {_last_complaint(output.read())}")


def _last_complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    complaints = [line for line in lines if line.startswith(("E:", "dpkg: error"))]
    return (complaints or lines or ["nothing"])[-1]
