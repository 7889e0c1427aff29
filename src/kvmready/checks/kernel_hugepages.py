"""Huge pages that are wanted of this host: reserved now, and at every boot."""

from __future__ import annotations

from kvmready.checks.finding import Evidence, Judgement, automatic, failed, manual, passed, unknown
from kvmready.facts.known import Known
from kvmready.facts.memory import SYSCTL_FILE, Request, most_huge
from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from kvmready.facts import Facts

CAUSE = "kernel.hugepages-missing"
LOOK = ("grep", "Huge", "/proc/meminfo")


def pages(facts: Facts) -> int:
    """How many pages of the kernel's own size make what is wanted; 0 where that size is not known."""
    size = facts.memory.huge_size
    return -(-(facts.want.hugepages << 20) // size.value) if isinstance(size, Known) and size.value else 0


def kept(facts: Facts) -> Request | None:
    """The setting that counts at the next boot, where it asks for enough; None where none does."""
    asked = facts.memory.requests
    return asked[-1] if asked and asked[-1].pages >= pages(facts) else None


def wanted_hugepages(facts: Facts) -> Judgement:
    """kernel.hugepages, where a number of them is wanted."""
    memory, count = facts.memory, pages(facts)
    if not isinstance(memory.huge_pages, Known) or not count or not isinstance(memory.total, Known):
        return unknown(
            _("It is not known how many huge pages are reserved."),
            manual(_("Look by hand: grep Huge /proc/meminfo"), LOOK),
            Evidence("/proc/meminfo", "HugePages_Total, Hugepagesize, MemTotal: -"),
        )
    here, asked = memory.huge_pages.value, memory.requests[-1:]
    seen = (
        Evidence("/proc/meminfo", f"HugePages_Total: {here} MemTotal: {memory.total.value >> 20} MiB"),
        *(Evidence(one.source, one.line) for one in asked),
    )
    if here >= count and kept(facts) is not None:
        return passed(
            _("{count} huge pages are reserved for guests, also after the next boot.").format(count=here), *seen
        )
    if facts.want.hugepages << 20 > most_huge(memory.total.value):
        return failed(
            CAUSE,
            _("{size} MiB of huge pages are wanted, more than this host can give.").format(size=facts.want.hugepages),
            manual(_("Write a smaller number into the configuration (hugepages).")),
            *seen,
        )
    if here >= count:
        summary = _("{count} huge pages are reserved now, but not after the next boot.").format(count=here)
    else:
        summary = _("Of {wanted} huge pages that are wanted, {count} are reserved.").format(wanted=count, count=here)
    if facts.machine.kind == "container":
        text = _("The memory is that of the machine around this container: reserve them there.")
        return failed(CAUSE, summary, manual(text, ("sysctl", "-w", f"vm.nr_hugepages={count}")), *seen)
    if asked and asked[0].source == SYSCTL_FILE and kept(facts) is None:
        text = _("Take the line out of {file}, which beats the files in /etc/sysctl.d; then run kvmready up.")
        return failed(CAUSE, summary, manual(text.format(file=SYSCTL_FILE)), *seen)
    return failed(CAUSE, summary, automatic(_("Reserve them now and at every boot.")), *seen)
