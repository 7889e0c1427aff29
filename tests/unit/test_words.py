"""Every sentence of the product exists in every language, and each translation leaves alone what is not language."""

from __future__ import annotations

import gettext
import os
import re
import string
import sys
from collections.abc import Iterator

import pytest
from rich.cells import cell_len

from kvmready import i18n
from kvmready.checks import ALL
from kvmready.cli import parser, usage
from kvmready.errors import UsageError
from tools import words

SOURCE = words.template()
TRANSLATED = tuple(language for language in i18n.LANGUAGES if language != "en")
IDS = tuple(check.id for check in ALL)

PROGRAMS = (
    "VBoxManage|adduser|cat|dmesg|docker|getfacl|grep|journalctl|kvmready|ls|lscpu|lsmod|mkdir|mknod|modprobe|sg|stat|"
    "su|sudo|systemctl|systemd-detect-virt|udevadm|usermod|virsh|wsl"
)
COMMAND = re.compile(rf"(?<=: )(?:{PROGRAMS})\b.*?(?=$| on the |[.,;)](?: |$))")
VERB = re.compile(rf"\bkvmready (?:{'|'.join(parser.VERBS)})\b")
OPTION = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
PATH = re.compile(r"(?<![\w.])/[\w.-]+(?:/[\w.-]+)*")
SETTING = re.compile(r"[\w.-]*[a-z0-9]=[\w'-]+|\b\w+_\w+\b|\bhttps?://\S+")
NAME = re.compile(r"\b\w+(?:[.-]\w+)+")
CAPITALS = re.compile(r"(?<!\{)\b[A-Z][A-Z0-9]{2,}\b")
SHOUTED = {"EMULATION", "NOT", "PROVED", "UNDER"}

GLOSSARY = {
    # one word of the field in English (its plural too): its one word in Simplified Chinese
    "guest": "客户机",
    "witness": "见证",
    "proof": "证明",
    "hypervisor": "虚拟机管理程序",
    "nested virtualization": "嵌套虚拟化",
    "emulator": "模拟器",
    "firmware": "固件",
    "module": "模块",
    "device": "设备",
    "container": "容器",
    "daemon": "守护进程",
    "socket": "套接字",
    "service manager": "服务管理器",
    "default network": "默认网络",
    "storage pool": "存储池",
    "subnet": "子网",
    "package": "软件包",
    "group": "组",
    "evidence": "证据",
    "remedy": "解决办法",
    "recording": "录制",
    "profile": "配置方案",
    "layer": "层",
    "step": "步骤",
    "plan": "计划",
}
HAN = "\u4e00-\u9fff"
WIDE = "，。；：？！（）、“”…"


@pytest.fixture
def chinese() -> Iterator[None]:
    i18n.use("zh")
    yield
    i18n.use("en")


def sentences(language: str) -> Iterator[tuple[str, str]]:
    """Each English sentence with its translation; of a plural, its singular with each form."""
    for english, translated in words.translations(words.read(language)).items():
        for translation in translated:
            yield english[0], translation


def placeholders(text: str) -> set[str]:
    """The fields of ``str.format`` with how they are formatted, and those of the ``%`` operator."""
    fields = [(name, how, spec) for _text, name, spec, how in string.Formatter().parse(text) if name is not None]
    return {f"{name}!{how}:{spec}" for name, how, spec in fields} | set(re.findall(r"%(?:\(\w+\))?[a-z]", text))


def untouchable(english: str) -> Iterator[str]:
    """The parts of a sentence that are no language: commands, options, paths, settings, ids, names in capitals."""
    for pattern in (COMMAND, VERB, OPTION, PATH, SETTING):
        yield from (found.rstrip(".") for found in pattern.findall(english))
    yield from (word for word in CAPITALS.findall(english) if word not in SHOUTED)
    yield from (name for name in IDS if re.search(rf"\b{re.escape(name)}\b", english))


def test_every_language_has_its_catalogue() -> None:
    assert set(TRANSLATED) == set(i18n.CATALOGUE)
    assert all(words.path(language, ending).is_file() for language in TRANSLATED for ending in ("po", "mo"))


def test_the_source_is_read_whole() -> None:
    """Sentences from far ends of the tree: without them an empty extraction would pass everything below."""
    found = {message.id for message in SOURCE}
    assert {"interrupted.", "bare metal", "usage: ", "KVM runs guests.", "The guest wrote nothing."} <= found


@pytest.mark.parametrize("language", TRANSLATED)
def test_everything_is_translated_and_compiled(language: str) -> None:
    found = words.complaints(language, SOURCE)
    assert not found, "\n".join(["Run: python3 tools/words.py, then translate what is empty in the .po", *found])


@pytest.mark.parametrize("language", TRANSLATED)
def test_nothing_is_fuzzy_obsolete_or_wrong_for_babel(language: str) -> None:
    catalogue = words.read(language)
    assert [message.id for message in catalogue if message.id and message.fuzzy] == []
    assert not catalogue.obsolete
    assert [(message.id, [str(error) for error in errors]) for message, errors in catalogue.check()] == []


@pytest.mark.parametrize("language", TRANSLATED)
def test_what_is_not_language_stays(language: str) -> None:
    found = []
    for english, translation in sentences(language):
        if placeholders(translation) != placeholders(english):
            found.append(f"other placeholders than {english!r}: {translation!r}")
        lost = [part for part in untouchable(english) if part not in translation]
        if lost:
            found.append(f"without {lost}: {translation!r}")
    assert not found, "\n".join(found)


def test_patterns_find_what_they_are_for() -> None:
    """What must stay is found in sentences like ours."""
    assert COMMAND.findall("Look at: systemctl status libvirtd, then run it again.") == ["systemctl status libvirtd"]
    assert COMMAND.findall("Look by hand: ls -l /dev/kvm") == ["ls -l /dev/kvm"]
    assert VERB.findall("End it first: kvmready undo {run}") == ["kvmready undo"]
    assert OPTION.findall("Add --yes to go ahead, or --dry-run (half-installed).") == ["--yes", "--dry-run"]
    assert PATH.findall("in /etc/default/grub, and reboot; HARDWARE/SOFTWARE") == ["/etc/default/grub"]
    assert SETTING.findall("Put intel_iommu=on there, for vhost_net") == ["intel_iommu=on", "vhost_net"]
    assert list(untouchable("The TCG of kernel.modules.")) == ["TCG", "kernel.modules"]
    assert placeholders("{p50:.1f} of {name} at %(default)s") == {"p50!None:.1f", "name!None:", "%(default)s"}


def test_chinese_is_set_as_chinese() -> None:
    """Full-width punctuation in sentences, and a space between Chinese and Latin."""
    wrong = re.compile(
        rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9][{HAN}]|[{HAN}][,;:?!()]|[,;?!()][{HAN}]| [{WIDE}]|[{WIDE}] |\s$"
    )
    found = [f"{wrong.findall(chinese)}: {chinese!r}" for _english, chinese in sentences("zh") if wrong.search(chinese)]
    assert not found, "\n".join(found)


def test_one_word_for_one_thing() -> None:
    found = []
    for english, chinese in sentences("zh"):
        prose = re.sub(rf"{PATH.pattern}|{VERB.pattern}|{OPTION.pattern}|{NAME.pattern}|\{{\w+\}}", "", english).lower()
        for term, word in GLOSSARY.items():
            if re.search(rf"\b{term}s?\b", prose) and word not in chinese:
                found.append(f"{term!r} is {word}: {chinese!r}")
    assert not found, "\n".join(found)


def test_argparse_speaks_the_language_too(chinese: None) -> None:
    said = usage.build().format_help()
    assert "用法：" in said and "位置参数" in said and "显示此帮助信息并退出" in said
    assert not re.search(r"usage:|arguments|options|help message", said)


@pytest.mark.parametrize("language", i18n.LANGUAGES)
@pytest.mark.parametrize("verb", parser.VERBS)
def test_the_help_fits_into_80_columns(
    language: str, verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    i18n.use(language)
    try:
        with pytest.raises(SystemExit):
            usage.build().parse_args([verb, "--help"])
    finally:
        i18n.use("en")
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 5
    assert [line for line in lines if cell_len(line) > 80] == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], "缺少以下必需的参数：VERB"),
        (["check", "some", "--what"], "无法识别的参数：some --what"),
        (["check", "--format", "x"], "无效的选择：'x'"),
        (["check", "--only"], "需要一个参数值"),
        (["check", "--strict=1"], "忽略了明确给出的参数 '1'"),
    ],
)
def test_a_usage_error_speaks_the_language_too(chinese: None, arguments: list[str], expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        usage.build().parse_args(arguments)
    assert expected in caught.value.what


def test_english_is_left_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "pt")
    domain = gettext.textdomain()
    i18n.use("zh")
    assert (i18n.language(), i18n._("ready"), gettext.gettext("ready")) == ("zh", "就绪", "就绪")
    i18n.use("zh")
    i18n.use("en")
    assert (i18n.language(), i18n._("ready"), gettext.gettext("ready")) == ("en", "ready", "ready")
    assert (gettext.textdomain(), os.environ["LANGUAGE"]) == (domain, "pt")


def test_english_needs_no_gettext(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gettext", None)  # importing it is an ImportError now
    i18n.use("en")
    assert i18n._("ready") == "ready"
    with pytest.raises(ImportError):
        i18n.use("zh")
    assert i18n.language() == "en"


def test_a_missing_catalogue_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(i18n.CATALOGUE, "zh", "xx_XX")
    with pytest.raises(FileNotFoundError):
        i18n.use("zh")
    assert i18n.language() == "en"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "de_DE", "LC_ALL": "zh_SG.utf8"}, "zh"),
        ({"LANG": "zh_CN", "LC_ALL": ""}, "zh"),
        ({"LC_ALL": "POSIX", "LANG": "zh_CN"}, "en"),
    ],
)
def test_the_locale_decides(environment: dict[str, str], language: str) -> None:
    assert i18n.from_environment(environment) == language
