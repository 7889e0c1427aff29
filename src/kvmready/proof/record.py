"""What a proof leaves in the report: its steps, and the witness of the guest."""

from __future__ import annotations

from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from kvmready.checks.finding import Evidence

LEVELS = ("probe", "qemu", "libvirt", "linux")
"""Bottom up; each stands on those before it."""

NO_LEVEL = "none"


class Wish(NamedTuple):
    """What a proof is asked for besides its level.

    ``image`` and ``sha256`` are what level ``linux`` starts from, as ``images.resolve`` takes them; "" for the host's
    own kernel. ``profile`` may add a part above level ``libvirt``: desktop opens windows, of which a picture is kept
    as the file ``screenshot``; web asks for a page.
    """

    image: str = ""
    sha256: str = ""
    profile: str = "server"
    screenshot: str = ""


NO_WISH = Wish()


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


class Figure(NamedTuple):
    """One measured thing, in the guest and by the same program on the host; None where it could not be measured.

    ``ratio`` is how quick the guest is against the host, whatever the unit; at ``least`` that much is normal.
    """

    id: str
    unit: str
    guest: float | None
    host: float | None
    ratio: float | None
    least: float

    @property
    def normal(self) -> bool | None:
        return None if self.ratio is None else self.ratio >= self.least


class Linux(NamedTuple):
    """What a Linux guest said of itself. ``boot`` are its phases in seconds, in their order, as far as they are known.

    ``image`` is the name of a disk image, "" for the host's own kernel; ``clocksource`` what the guest's kernel keeps
    time by; ``address`` the one that it was given.
    """

    image: str
    sha256: str
    kernel: str
    clocksource: str
    address: str
    boot: tuple[tuple[str, float], ...]
    figures: tuple[Figure, ...]


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
    linux: Linux | None = None
    screenshot: str = ""
