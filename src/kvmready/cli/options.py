"""What can be said on the command line, as tables: each verb with its options, and the quick way to read them.

A plain command line is read here, by the tables alone. Whatever is unusual (help, a mistake) is left to argparse, which
``usage.py`` teaches the same tables: to read it in and to teach it takes half as long as a bare Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from kvmready import i18n
from kvmready.facts.names import PROFILES
from kvmready.i18n import N_
from kvmready.typed import TYPE_CHECKING, Any, NamedTuple

FORMATS = ("text", "json", "junit", "prometheus", "markdown", "html")
OF_FLEETS = ("text", "json", "junit", "markdown", "html", "csv")
"""Those of the verbs of ``kvmready fleet``, behind which they have to stand."""


class Parsed:
    """The options of a command line as attributes; what ``argparse`` calls a namespace."""

    def __init__(self, **values: object) -> None:
        self.__dict__.update(values)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

        def __setattr__(self, name: str, value: Any) -> None: ...


class Option(NamedTuple):
    """One option. Its last name makes its attribute, unless ``dest`` does.

    ``kind``: ``value`` takes a word, ``list`` one each time it is given, ``flag`` none; ``word`` stands alone and may
    be left out, ``words`` are any number of those. ``help`` is marked for the catalogue; ``%(default)s`` in it is the
    default.
    """

    names: tuple[str, ...]
    kind: str
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    metavar: str = ""
    dest: str = ""

    @property
    def attribute(self) -> str:
        return self.dest or self.names[-1].lstrip("-").replace("-", "_")

    @property
    def initial(self) -> object:
        """Its value where it is not given."""
        return {"flag": False, "list": [], "words": []}.get(self.kind, self.default)


COMMON = (
    Option(
        ("--format",),
        "value",
        N_("text, markdown, html for people; json, junit, prometheus for machines; not every verb has each"),
        choices=FORMATS,
    ),
    Option(("--lang",), "value", N_("the language of the sentences"), choices=i18n.LANGUAGES),
    Option(("-v", "--verbose"), "flag", N_("show every finding with its evidence")),
    Option(("--debug",), "flag", N_("show the traceback of an error")),
)
"""They may stand before the verb as well, and their attribute is there only when they are given."""

EVERYWHERE = tuple(option.attribute for option in COMMON)

ASKED = (
    Option(
        ("--profile",),
        "value",
        N_("minimal: a guest can run under QEMU; server (the default): libvirt with network and storage"),
        choices=PROFILES,
    ),
    Option(
        ("--user",),
        "list",
        N_("who will run guests; may be given more than once (default: the person behind sudo, else the caller)"),
        metavar="NAME",
    ),
    Option(("--nested",), "flag", N_("guests shall run guests of their own")),
    Option(("--iommu",), "flag", N_("devices shall be assigned to guests")),
    Option(
        ("--accel",),
        "value",
        N_("tcg: accept software emulation where KVM is impossible"),
        choices=("kvm", "tcg"),
    ),
    Option(
        ("--config",),
        "value",
        N_("what is wanted, in TOML or JSON; options beat it (default: /etc/kvmready/host.toml where there is one)"),
        metavar="FILE",
    ),
    Option(("--no-config",), "flag", N_("read no configuration file")),
)
STATE = Option(
    ("--state-dir",),
    "value",
    N_("where the journals of runs are kept (default: %(default)s)"),
    default="/var/lib/kvmready",
    metavar="DIR",
)
ONLY_LAYER = Option(("--only",), "value", N_("only this layer and what it stands on"), default="", metavar="LAYER")
SCREENSHOT = Option(
    ("--screenshot",),
    "value",
    N_("where the picture of the windows is kept that a proof of the profile desktop opens"),
    metavar="FILE",
)
STRICT = Option(("--strict",), "flag", N_("warnings count as not ready"))


def _up() -> tuple[Option, ...]:
    return (
        *ASKED,
        STATE,
        Option(("--yes",), "flag", N_("apply the plan without asking")),
        Option(("--dry-run",), "flag", N_("show the plan and change nothing")),
        Option(
            ("--plan",), "value", N_("apply no other plan than the one with this id"), metavar="ID", dest="approved"
        ),
        ONLY_LAYER,
        STRICT,
        SCREENSHOT,
    )


def _check() -> tuple[Option, ...]:
    return (
        *ASKED,
        Option(("--only",), "value", N_("only this layer or this check"), default="", metavar="LAYER|CHECK"),
        STRICT,
        Option(("--from",), "value", N_("judge a recorded host instead of this one"), metavar="FILE", dest="source"),
        Option(
            ("--output",),
            "value",
            N_("write the document to FILE, whole or not at all, in place of standard output"),
            metavar="FILE",
        ),
        Option(("--record",), "value", N_("save every question and answer to FILE"), metavar="FILE"),
        Option(("--scrub",), "flag", N_("with --record: leave out names, addresses and ids")),
    )


def _plan() -> tuple[Option, ...]:
    return (
        *ASKED,
        ONLY_LAYER,
        Option(("--from",), "value", N_("plan for a recorded host"), metavar="FILE", dest="source"),
        Option(
            ("--drift",), "flag", N_("what differs between the configuration file and the host; status 1 where it does")
        ),
    )


def _prove() -> tuple[Option, ...]:
    from kvmready.proof.record import LEVELS

    return (
        *ASKED,
        Option(
            ("--level",),
            "value",
            N_(
                "probe: the kernel alone; qemu: under the emulator; libvirt: through the system connection (default); "
                "linux: a real Linux on the default network"
            ),
            choices=LEVELS,
        ),
        Option(
            ("--image",),
            "value",
            N_(
                "what the Linux guest starts from: a file, an address, or debian-12, debian-13, ubuntu-24.04, fedora, "
                "rocky-9, alpine (default: the host's own kernel)"
            ),
            metavar="IMAGE",
        ),
        Option(("--sha256",), "value", N_("the checksum that the image has to have"), metavar="DIGITS"),
        SCREENSHOT,
    )


def _undo() -> tuple[Option, ...]:
    return (
        STATE,
        Option(("run",), "word", N_("the run's id, see history (default: the last one)"), metavar="RUN"),
        Option(("--yes",), "flag", N_("undo without asking")),
        Option(("--force",), "flag", N_("undo although guests are defined on this host")),
    )


def _history() -> tuple[Option, ...]:
    return (STATE,)


def _explain() -> tuple[Option, ...]:
    return (
        Option(("name",), "word", N_("what to explain (default: the stack of layers)"), metavar="LAYER|CHECK|CAUSE"),
        Option(("--list",), "flag", N_("list every name that can be explained")),
    )


def _doctor() -> tuple[Option, ...]:
    return (
        Option(
            ("text",),
            "words",
            N_("the message, a file with it, or - for standard input (default: this host's logs since its start)"),
            metavar="TEXT|-|FILE",
        ),
        Option(("--text-only",), "flag", N_("judge the text alone; ask no host")),
        Option(("--from",), "value", N_("hold the text against a recorded host"), metavar="FILE", dest="source"),
        *ASKED,
    )


def _watch() -> tuple[Option, ...]:
    from kvmready.watch.guests import SORTS

    return (
        Option(("--sort",), "value", N_("what stands first (default: %(default)s)"), default="cpu", choices=SORTS),
        Option(
            ("--interval",), "value", N_("seconds between two looks (default: %(default)s)"), default="3", metavar="S"
        ),
        Option(("--once",), "flag", N_("one look, then end; json and prometheus need it")),
    )


def none() -> tuple[Option, ...]:
    return ()


def actions(verb: str) -> dict[str, tuple[str, Callable[[], tuple[Option, ...]]]]:
    """The actions of a verb of ``WITH_ACTIONS``: each is said behind its verb, with a line and options of its own."""
    # importlib would read in warnings first; this is what the import statement calls.
    found: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = __import__(
        f"kvmready.cli.options_of.{verb}", fromlist=["ACTIONS"]
    ).ACTIONS
    return found


WITH_ACTIONS = ("fleet", "vm", "backup", "timer")

VERBS: dict[str, tuple[str, Callable[[], tuple[Option, ...]]]] = {
    "up": (N_("make this machine a KVM host and prove it: check, plan, ask, apply, prove, report"), _up),
    "check": (N_("say whether this machine is a KVM host, and what keeps it from being one"), _check),
    "plan": (N_("show the steps and the exact commands; changes nothing"), _plan),
    "prove": (N_("run a guest and show what only that guest could have written"), _prove),
    "undo": (N_("take a run back: restore what was there before it"), _undo),
    "history": (N_("list the runs of this host, newest last"), _history),
    "explain": (N_("teach what a layer, a check or a cause is, and how to look and to mend by hand"), _explain),
    "fleet": (N_("do it on many hosts at once, with Ansible, and keep the records"), none),
    "doctor": (N_("say which known problem an error message is, on this host, and the way out"), _doctor),
    "vm": (N_("test guests from a cloud image: create, list, start, stop, console, info, delete"), none),
    "watch": (N_("show live what the host and its guests use, and where more was promised than there is"), _watch),
    "backup": (N_("back up guests and the host's configuration, and put guests back"), none),
    "timer": (N_("have this host reported to Prometheus; alert rules and a dashboard"), none),
}
"""A verb to its line in the help and to its options."""


def read(arguments: Sequence[str]) -> Parsed | None:
    """A plain command line: a verb, its options with their values, each written in full. None for any other."""
    words = iter(arguments)
    values: dict[str, Any] = {}
    known = {name: option for option in COMMON for name in option.names}
    free: list[Option] = []
    ended = False  # everything behind a "--" stands alone, whatever it begins with
    for word in words:
        if word == "--" and free and not ended:
            ended = True
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        option = None if ended else known.get(name)
        if option is None:
            if "verb" not in values and word in VERBS:
                options = VERBS[word][1]()
                if word in WITH_ACTIONS:
                    action = next(words, "")
                    if action not in actions(word):
                        return None
                    options = actions(word)[action][1]()
                    values["action"] = action
                values.update(verb=word, **{option.attribute: option.initial for option in options})
                known.update((name, option) for option in options for name in option.names if name.startswith("-"))
                free = [option for option in options if option.kind == "word"]
                continue
            if "verb" not in values or not free or (word.startswith("-") and not ended) or not word:
                return None
            option, value = free.pop(0), word
        elif option.kind == "flag":
            if equals:
                return None
            values[option.attribute] = True
            continue
        elif not equals:
            value = next(words, "-")
            if value.startswith("-"):
                return None
        if option.choices and value not in option.choices:
            return None
        values[option.attribute] = [*values[option.attribute], value] if option.kind == "list" else value
    return Parsed(**values) if "verb" in values else None
