"""The laws of the tree: the order of the rooms, no import cycles, one door to the machine, a light check path.

Each law is a function from the source of a module to its breaches, so that it is shown to see one as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

TREE = Path(__file__).resolve().parents[2]
SOURCE = TREE / "src"

ROOMS = (
    "typed",
    "errors",
    "i18n",
    "host",
    "guest",
    "facts",
    "distro",
    "images",
    "checks",
    "plan",
    "apply",
    "timers",
    "proof",
    "domains",
    "report",
    "knowledge",
    "pipeline",
    "vm",
    "watch",
    "backup",
    "fleet",
    "cli",
    "__main__",
    "remote",
)
"""A room imports only rooms that stand before it."""

THROUGH_THE_DOOR = (
    *("facts", "distro", "images", "checks", "plan", "apply", "timers", "proof"),
    *("domains", "vm", "watch", "backup"),
)
"""Rooms that ask a door; report, pipeline and cli may read files that the package or the command line names."""

PROGRAM_ROOMS = ("host", "guest", "remote")
"""host/ starts processes; guest/ is the program that it starts, with a child for each user that it asks as; remote is
the program that the fleet starts on a host, and runs kvmready as a job that outlives the connection."""

SPAWNING = {"subprocess", "pty", "multiprocessing", "concurrent", "asyncio"}
HEAVY = {"dataclasses", "inspect", "json", "hashlib", "logging", "rich", "tempfile", "shutil", "gettext", "unittest"}
SPAWN_CALLS = ("exec", "spawn", "posix_spawn", "popen", "system", "fork")
TOUCHING = {
    "os": {
        "access", "chmod", "chown", "link", "listdir", "lstat", "makedirs", "mkdir", "open", "readlink", "remove",
        "rename", "replace", "rmdir", "scandir", "stat", "statvfs", "symlink", "uname", "unlink", "walk",
    },
    "os.path": {"exists", "isdir", "isfile", "islink", "realpath", "getsize"},
    "pwd": {"getpwnam", "getpwuid", "getpwall"},
    "grp": {"getgrnam", "getgrgid", "getgrall"},
}  # fmt: skip


class Import(NamedTuple):
    """One imported module. ``top``: at the top of the file, run when the module is imported."""

    module: str
    top: bool
    typing_only: bool
    line: int


def modules() -> dict[str, Path]:
    """Every module of the product by its dotted name."""
    found: dict[str, Path] = {}
    for path in sorted((SOURCE / "kvmready").rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def room(module: str) -> str:
    """The room of a module; empty for the package itself, which holds only the version."""
    return module.split(".")[1] if "." in module else ""


def imports(name: str, source: str, known: frozenset[str]) -> list[Import]:
    """The imports of module ``name``; ``from package import x`` names the module x where there is one."""
    package = name if MODULES.get(name, Path()).name == "__init__.py" else name.rpartition(".")[0]
    found: list[Import] = []

    def visit(node: ast.AST, top: bool, typing_only: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, top, typing_only, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parent = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parent, base] if base else parent)
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.append(Import(inner if inner in known else base, top, typing_only, node.lineno))
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for statement in node.body:
                visit(statement, top, True)
            for statement in node.orelse:
                visit(statement, top, typing_only)
        else:
            inside = top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                visit(child, inside, typing_only)

    visit(ast.parse(source), True, False)
    return found


def calls(source: str) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the dotted name of what is called."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def order_breaches(name: str, source: str) -> list[str]:
    """Imports of a room that stands later, for whatever purpose, even for types only."""
    own = room(name)
    if own and own not in ROOMS:
        return [f"{name}: {own} is no room; the rooms are {', '.join(ROOMS)}"]
    found = []
    for one in imports(name, source, frozenset(MODULES)):
        other = room(one.module) if one.module.split(".")[0] == "kvmready" else ""
        if not other or other == own:
            continue
        if not own or other not in ROOMS or ROOMS.index(other) > ROOMS.index(own):
            found.append(f"{name}:{one.line}: imports {one.module}")
    return found


def door_breaches(name: str, source: str) -> list[str]:
    """Processes started outside of host/, shell strings anywhere, host files touched in rooms that must ask a door."""
    found = []
    if room(name) not in PROGRAM_ROOMS:
        for one in imports(name, source, frozenset(MODULES)):
            if one.module.split(".")[0] in SPAWNING and not one.typing_only:
                found.append(f"{name}:{one.line}: imports {one.module}")
    for called, node in calls(source):
        module, _, function = called.rpartition(".")
        for keyword in node.keywords:
            if keyword.arg == "shell":
                found.append(f"{name}:{node.lineno}: shell=")
        if module == "os" and function.startswith(SPAWN_CALLS) and room(name) not in PROGRAM_ROOMS:
            found.append(f"{name}:{node.lineno}: {called}()")
        if called in ("os.system", "os.popen"):
            found.append(f"{name}:{node.lineno}: {called}() runs a shell")
        if room(name) in THROUGH_THE_DOOR and (
            called in ("open", "io.open", "Path", "pathlib.Path") or function in TOUCHING.get(module, ())
        ):
            found.append(f"{name}:{node.lineno}: {called}() does not ask the door")
    return found


def weight_breaches(name: str, source: str) -> list[str]:
    """Imports that make every start slow: heavy modules at the top of a file, argparse outside of cli."""
    found = []
    for one in imports(name, source, frozenset(MODULES)):
        first = one.module.split(".")[0]
        if one.typing_only:
            continue
        if first == "argparse" and room(name) != "cli":
            found.append(f"{name}:{one.line}: imports argparse")
        if first == "typing" and name != "kvmready.typed":
            found.append(f"{name}:{one.line}: imports typing; kvmready.typed has its names, and starts faster")
        if first == "dataclasses" or (first in HEAVY and one.top):
            found.append(f"{name}:{one.line}: imports {one.module} at the top")
        if first == "rich" and room(name) not in ("report", "cli"):
            found.append(f"{name}:{one.line}: imports rich outside of report and cli")
    return found


def word_breaches(name: str, source: str) -> list[str]:
    """Sentences that cannot be translated, missing future annotations, unfinished work, files that grew too long."""
    found = []
    for called, node in calls(source):
        if called not in ("_", "N_", "i18n._"):
            continue
        what = node.args[0] if len(node.args) == 1 else None
        plain = isinstance(what, ast.Constant) and isinstance(what.value, str)
        # _() also takes what a table marked with N_: a name, an item of the table, the variable of a loop over it.
        marked = called != "N_" and isinstance(what, (ast.Name, ast.Subscript, ast.Attribute, ast.Call))
        if not plain and not (marked and ".format" not in ast.unparse(node.args[0])):
            found.append(f"{name}:{node.lineno}: {called}() must hold one plain string")
    body = [node for node in ast.parse(source).body if not isinstance(node, ast.Expr)]
    first = body[0] if body else None
    if len(body) > 1 and not (isinstance(first, ast.ImportFrom) and first.module == "__future__"):
        found.append(f"{name}: from __future__ import annotations is missing")
    for number, line in enumerate(source.splitlines(), 1):
        if any(word in line for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X:")):
            found.append(f"{name}:{number}: unfinished: {line.strip()}")
    if source.count("\n") > 500:
        found.append(f"{name}: {source.count(chr(10))} lines, over 500")
    return found


LAWS = (order_breaches, door_breaches, weight_breaches, word_breaches)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_module_keeps_the_law(law: object) -> None:
    assert callable(law)
    found = [breach for name, path in MODULES.items() for breach in law(name, path.read_text("utf-8"))]
    assert not found, "\n" + "\n".join(found)


def test_no_import_cycles() -> None:
    """Also those that hide inside functions count; only imports for types do not."""
    known = frozenset(MODULES)
    graph = {
        name: {
            one.module
            for one in imports(name, path.read_text("utf-8"), known)
            if one.module in known and not one.typing_only and one.module != name
        }
        for name, path in MODULES.items()
    }
    cycles: list[str] = []
    finished: set[str] = set()

    def walk(name: str, trail: tuple[str, ...]) -> None:
        if name in trail:
            cycles.append(" → ".join((*trail[trail.index(name) :], name)))
            return
        if name in finished:
            return
        for other in sorted(graph[name]):
            walk(other, (*trail, name))
        finished.add(name)

    for name in sorted(graph):
        walk(name, ())
    assert not cycles, "\n" + "\n".join(cycles)


def test_tests_are_not_overlong() -> None:
    long = {
        str(path.relative_to(TREE)): lines
        for path in (TREE / "tests").rglob("*.py")
        if (lines := path.read_text("utf-8").count("\n")) > 500
    }
    assert not long


@pytest.mark.parametrize(
    ("law", "name", "source"),
    [
        (order_breaches, "kvmready.checks.kernel", "from kvmready.plan import step\n"),
        (order_breaches, "kvmready.facts.os", "def ask():\n    import kvmready.report.record\n"),
        (order_breaches, "kvmready.errors", "from kvmready import i18n\n"),
        (order_breaches, "kvmready.helpers", "x = 1\n"),
        (door_breaches, "kvmready.checks.kernel", "import subprocess\n"),
        (door_breaches, "kvmready.facts.kernel", "text = open('/proc/modules').read()\n"),
        (door_breaches, "kvmready.plan.unit", "import os\nos.stat('/dev/kvm')\n"),
        (door_breaches, "kvmready.cli.up", "import os\nos.execvp('sudo', ['sudo'])\n"),
        (door_breaches, "kvmready.host.local", "subprocess.run('ls', shell=True)\n"),
        (door_breaches, "kvmready.host.local", "import os\nos.system('ls')\n"),
        (weight_breaches, "kvmready.report.text", "from rich.text import Text\n"),
        (weight_breaches, "kvmready.checks.kernel", "def judge():\n    import rich\n"),
        (weight_breaches, "kvmready.facts.os", "from dataclasses import dataclass\n"),
        (weight_breaches, "kvmready.pipeline", "import argparse\n"),
        (weight_breaches, "kvmready.facts.os", "from typing import NamedTuple\n"),
        (weight_breaches, "kvmready.facts.os", "def ask():\n    import typing\n"),
        (weight_breaches, "kvmready.host.replay", "import json\n"),
        (word_breaches, "kvmready.checks.kernel", "from __future__ import annotations\nx = _(f'{y}')\n"),
        (word_breaches, "kvmready.checks.kernel", "from __future__ import annotations\nx = _('{y}'.format(y=1))\n"),
        (word_breaches, "kvmready.checks.kernel", "from __future__ import annotations\nx = _('a' + y)\n"),
        (word_breaches, "kvmready.checks.kernel", "from __future__ import annotations\nx = N_(y)\n"),
        (word_breaches, "kvmready.checks.kernel", "import os\nx = os.sep\n"),
        (word_breaches, "kvmready.checks.kernel", "# " + "TO" + "DO: later\n"),
        (word_breaches, "kvmready.checks.kernel", "\n" * 501),
    ],
)
def test_the_law_sees_a_breach(law: object, name: str, source: str) -> None:
    assert callable(law)
    assert law(name, source)
