"""The quick way to read a command line says what argparse says of it, or leaves it to argparse."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings, strategies as st

from kvmready.cli import options, parser, usage
from kvmready.errors import UsageError

EVERY = (*options.COMMON, *(option for _text, own in options.VERBS.values() for option in own()))
WORDS = sorted(
    {
        *options.VERBS,
        *(name for option in EVERY for name in option.names),
        *(f"{option.names[-1]}={value}" for option in EVERY for value in (*option.choices, "", "x")),
        *(choice for option in EVERY for choice in option.choices),
        *("", "-", "--", "-h", "-vv", "-x", "--prof", "-1", "x", "a b", "- b", "--help", "--version", "--user=--yes"),
    }
)


def _by_argparse(words: list[str]) -> dict[str, object] | None:
    try:
        return vars(usage.build().parse_args(words))
    except (UsageError, SystemExit):
        return None


@given(st.one_of(st.none(), st.sampled_from(sorted(options.VERBS))), st.lists(st.sampled_from(WORDS), max_size=6))
@example("check", ["--"])
@example("explain", ["--", "-x"])
@settings(max_examples=600, deadline=None)
def test_it_says_what_argparse_says(verb: str | None, words: list[str]) -> None:
    words = [*([verb] if verb else []), *words]
    parsed = options.read(words)
    if parsed is not None:
        assert vars(parsed) == _by_argparse(words)


@pytest.mark.parametrize(
    "line",
    [
        "check",
        "check --format json",
        "--format json check --user alice --user bob --only=kernel",
        "-v up --yes --user alice --accel tcg --profile minimal --lang zh",
        "prove --level qemu --debug",
        "plan --from host.json --nested --iommu",
        "undo 20261124T022448Z-13d3 --yes",
        "history --state-dir /tmp/x",
        "explain kernel.kvm-device",
    ],
)
def test_usual_lines_need_no_argparse(line: str) -> None:
    parsed = options.read(line.split())
    assert parsed is not None and vars(parsed) == _by_argparse(line.split())


@pytest.mark.parametrize(
    "line", ["", "foo", "check --help", "check --from", "check --format pdf", "check --strict=1", "check --"]
)
def test_mistakes_and_help_are_left_to_argparse(line: str) -> None:
    assert options.read(line.split()) is None


@pytest.mark.parametrize("verb", options.WITH_ACTIONS)
def test_a_verb_without_its_action_names_the_actions(verb: str) -> None:
    for words in ([verb], ["--format", "json", verb]):
        with pytest.raises(UsageError, match=f"^{verb} needs an action") as caught:
            parser.parse(words)
        assert all(action in caught.value.why for action in options.actions(verb))


def test_what_every_verb_takes_has_a_value_in_any_case() -> None:
    parsed = parser.parse(["check"])
    assert (parsed.format, parsed.lang, parsed.verbose, parsed.debug) == ("text", "en", False, False)
