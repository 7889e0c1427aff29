"""The package managers, by the word that a table has for them."""

from __future__ import annotations

from kvmready.plan.manager import Manager
from kvmready.plan.step import Step

NAMES = ("apt", "dnf", "dnf5", "yum", "zypper", "pacman", "apk")
"""Each is a module of this room, read in where a host has that manager."""


def by_name(name: str) -> Manager:
    """Raises KeyError for a name that is not in ``NAMES``."""
    if name not in NAMES:
        raise KeyError(name)
    # importlib would read in warnings first; this is what the import statement calls.
    found: Manager = __import__(f"kvmready.plan.{name}", fromlist=["NAME"])
    return found


def of(step: Step) -> Manager:
    """The package manager of a step; apt where the step does not say, as in the journals of older versions."""
    return by_name(str(step.arguments.get("manager", "apt")))


def named(manager: Manager) -> dict[str, str]:
    """The argument by which ``of`` finds the manager again; none for apt, so that plans for Debian keep their ids."""
    return {} if manager.NAME == "apt" else {"manager": manager.NAME}
