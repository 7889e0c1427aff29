"""What a proof leaves in the report: its steps, and the witness of the guest."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.checks.finding import Evidence

LEVELS = ("probe", "qemu", "libvirt")
"""Bottom up; each stands on those before it."""

NO_LEVEL = "none"


class ProofStep(NamedTuple):
    """One thing that was tried. ``status`` is pass, fail, skip or unknown; ``cause`` is "" where none is known."""

    id: str
    status: str
    seconds: float
    evidence: tuple[Evidence, ...] = ()
    cause: str = ""

    @property
    def evidence_text(self) -> str:
        """The evidence as lines of ``source: text``."""
        return "\n".join(f"{one.source}: {one.text}" for one in self.evidence)


class Proof(NamedTuple):
    """One proof.

    ``level`` is the highest one that was reached, ``none`` when not even the lowest was. ``witness`` is the line of
    the highest guest that wrote one: "" when only the probe ran. ``user`` is whose guests these were. ``screenshot`` is
    where the picture of the windows is that a desktop's proof opened, "" when there is none.
    """

    level: str
    wanted: str
    witness: str
    accel: str  # kvm or tcg
    user: str
    steps: tuple[ProofStep, ...]
    ok: bool
    summary: str
    screenshot: str = ""
