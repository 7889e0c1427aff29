"""The package managers, by the word that a table has for them."""

from __future__ import annotations

from collections.abc import Mapping

from kvmready.plan import apk, apt, dnf, dnf5, pacman, yum, zypper
from kvmready.plan.manager import Manager
from kvmready.plan.step import Step

MANAGERS: Mapping[str, Manager] = {
    "apt": apt,
    "dnf": dnf,
    "dnf5": dnf5,
    "yum": yum,
    "zypper": zypper,
    "pacman": pacman,
    "apk": apk,
}


def of(step: Step) -> Manager:
    """The package manager of a step; apt where the step does not say, as in the journals of older versions."""
    return MANAGERS[str(step.arguments.get("manager", "apt"))]


def named(manager: Manager) -> dict[str, str]:
    """The argument by which ``of`` finds the manager again; none for apt, so that plans for Debian keep their ids."""
    return {} if manager.NAME == "apt" else {"manager": manager.NAME}
