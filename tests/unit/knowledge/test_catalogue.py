"""The catalogue of causes against the checks, the plan and the proof that name them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from kvmready.checks import ALL
from kvmready.checks.finding import LAYERS
from kvmready.knowledge.catalogue import CATALOGUE, KINDS
from kvmready.plan import builders

SOURCE = Path(__file__).resolve().parents[3] / "src" / "kvmready"
ROOMS = ("checks", "plan", "proof", "images", "backup")
ID = re.compile(rf"(?:{'|'.join((*LAYERS, 'packages'))})\.[a-z0-9]+(?:-[a-z0-9]+)*")
CHECKS = {check.id for check in ALL}
STEPS = re.compile(r"STEP|\((?:CONNECT|SOURCE), .*\)")
"""The names under which the proof keeps the ids of its steps."""

SOURCES = {
    str(path.relative_to(SOURCE)): path.read_text("utf-8") for room in ROOMS for path in SOURCE.glob(f"{room}/*.py")
}


def ids(source: str) -> Iterator[str]:
    """The strings of ``source`` that have the form of an id, but for those of checks and steps where they are made."""

    def visit(node: ast.AST) -> Iterator[str]:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.fullmatch(node.value):
            yield node.value
        if isinstance(node, ast.Assign) and STEPS.fullmatch(ast.unparse(node.targets[0])):
            return
        children = list(ast.iter_child_nodes(node))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            if node.func.id == "Check":
                return
            if node.func.id == "Step":
                children.remove(node.args[0])
        for child in children:
            yield from visit(child)

    return visit(ast.parse(source))


NAMED = {name: file for file, source in SOURCES.items() for name in ids(source)}


def test_ids_are_told_from_names_of_checks_and_steps() -> None:
    source = (
        'Check("kernel.tun", f, needs=("kernel.x",)); Step("kernel.step", "file", "kernel.cause"); STEP = "qemu.guest"'
    )
    assert list(ids(source)) == ["kernel.cause"]
    assert {"kernel.module-not-loaded", "storage.apparmor-denied"} <= set(NAMED)
    assert "kernel.modules-persist" not in set(NAMED) - CHECKS


def test_each_cause_has_an_id_a_layer_a_kind_and_a_title() -> None:
    for name, cause in CATALOGUE.items():
        assert ID.fullmatch(name) and cause.id == name
        assert cause.layer in LAYERS and cause.layer == {"packages": "qemu"}.get(name.split(".")[0], name.split(".")[0])
        assert cause.kind in KINDS
        assert cause.title and not cause.title.endswith(".")
    assert len({cause.title for cause in CATALOGUE.values()}) == len(CATALOGUE)


def test_the_catalogue_is_in_the_order_of_the_layers() -> None:
    places = [LAYERS.index(c.layer) for c in CATALOGUE.values() if not c.id.startswith("packages.")]
    assert places == sorted(places)


def test_what_checks_plan_and_proof_name_is_in_the_catalogue() -> None:
    files = {"network.conf"}  # libvirt's own
    strange = {n: file for n, file in NAMED.items() if n not in CATALOGUE and n not in CHECKS and n not in files}
    assert not strange, "\n" + "\n".join(f"{file}: {name}" for name, file in strange.items())


def test_every_cause_is_named_by_a_check_the_plan_or_the_proof() -> None:
    missing = [name for name in CATALOGUE if name not in NAMED]
    assert not missing, f"\n{len(missing)} causes that nothing finds:\n" + "\n".join(missing)


def test_what_up_can_mend_has_a_way_in_the_plan() -> None:
    ways = {*builders.CAUSES, *builders.PACKAGE_CAUSES}
    missing = [name for name, cause in CATALOGUE.items() if cause.kind == "auto" and name not in ways]
    assert not missing, f"\n{len(missing)} causes that the catalogue calls auto and no plan mends:\n" + "\n".join(
        missing
    )


@pytest.mark.parametrize("name", sorted({*builders.CAUSES, *builders.PACKAGE_CAUSES}))
def test_what_the_plan_mends_is_not_called_manual(name: str) -> None:
    assert CATALOGUE[name].kind in ("auto", "either")
