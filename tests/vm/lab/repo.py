"""The repository that every host carries: .debs with their index, and wheels, so that a host needs no network."""

from __future__ import annotations

import sys
from pathlib import Path

from . import recipe
from .cache import LabError, command


def sources(suite: str) -> str:
    """APT lines for the suite, from the mirrors that this machine's own apt uses for Debian.

    Raises LabError where it uses none: then no host can be built here.
    """
    wanted = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)"
    listing = command(["apt-get", "indextargets", "--format", wanted, "Created-By: Packages"], timeout=60)
    lines: dict[str, None] = {}
    for row in listing.splitlines():
        origin, uri, release = row.split("|")
        if origin != "Debian":
            continue
        tail = next((tail for tail in ("-security", "-updates") if release.endswith(tail)), "")
        if "-" in release.removesuffix(tail):
            continue
        lines[f"deb {uri} {suite}{tail} main"] = None
    if not lines:
        raise LabError("this machine's apt knows no Debian mirror (or apt-get update has not run yet)")
    return "\n".join(lines) + "\n"


def download_hook(debs: Path, suite: recipe.Suite) -> str:
    """A hook for mmdebstrap: fetch what the base does not have, with the base's own package state, into ``debs``."""
    wanted = [*recipe.REPO_PACKAGES, *suite.split]
    return (
        f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get --quiet --yes --download-only --no-install-recommends '
        f"-o Dir::Cache::Archives={debs}/ -o APT::Keep-Downloaded-Packages=true -o APT::Sandbox::User=root "
        f"install {' '.join(wanted)}"
    )


def finish(repo: Path, log: Path, suite: recipe.Suite) -> None:
    """Index the .debs in ``repo`` and fetch the wheels into ``repo/wheels``."""
    for name in ("partial", "lock"):
        leftover = repo / name
        if leftover.is_dir():
            leftover.rmdir()
        else:
            leftover.unlink(missing_ok=True)
    debs = sorted(repo.glob("*.deb"))
    if not debs:
        raise LabError("no packages were downloaded for the repository")
    for deb in debs:
        deb.chmod(0o644)
    packages = command(["sh", "-c", 'cd "$1" && apt-ftparchive packages .', "sh", str(repo)], timeout=120)
    (repo / "Packages").write_text(packages)
    release = command(["sh", "-c", 'cd "$1" && apt-ftparchive release .', "sh", str(repo)], timeout=120)
    (repo / "Release").write_text(release)
    command(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--dest",
            str(repo / "wheels"),
            "--only-binary",
            ":all:",
            "--platform",
            "any",
            "--python-version",
            suite.python,
            *recipe.WHEELS,
        ],
        timeout=300,
        log=log,
    )
