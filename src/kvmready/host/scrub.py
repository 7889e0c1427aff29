"""A recording without whose machine it was: the same name becomes the same stand-in everywhere, and judges the same.

Taken out: people's user names, the host's name, addresses (IPv4 but loopback and libvirt's own network, IPv6 but
loopback), MACs, UUIDs, machine ids and serial numbers. System accounts, paths of the system and versions stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from kvmready.typed import Any

PEOPLE = range(1000, 60000)
"""User numbers of people: UID_MIN and UID_MAX of login.defs(5)."""

SYSTEM = frozenset(("root", "kvm", "libvirt", "qemu", "libvirt-qemu", "nobody", "default", "localhost", "localdomain"))
"""Words that a name of a person or a host may also be, and that the answers need."""

FIXED = ("/proc/", "/sys/", "/dev/", "/usr/", "/lib/")
"""Where the kernel and the packages name things: a host called vm shares its name with /proc/sys/vm."""

KEPT = ((0, 8), (0x7F000000, 8), (0xC0A87A00, 24), (0xFF000000, 8))
"""Networks that stay: this network, loopback, libvirt's default (192.168.122.0/24), masks and broadcast."""

_IPV4 = re.compile(r"(?<![\w.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\w]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{3,39}(?![\w:])")
_MAC = re.compile(r"(?<![0-9A-Fa-f:-])[0-9A-Fa-f]{2}(?:([:-])[0-9A-Fa-f]{2})(?:\1[0-9A-Fa-f]{2}){4}(?![0-9A-Fa-f:-])")
_UUID = re.compile(r"(?<![0-9A-Fa-f-])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Fa-f-])")
_MACHINE_ID = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{32}(?![0-9A-Fa-f])")
_SERIAL = re.compile(r"(?im)(\bserial(?:[ _-]?(?:number|no\.?))?[ \t]*[:=][ \t]*['\"]?)([\w.+/-]{4,})")
_HOME = re.compile(r"/home/([^/\s'\"<>:;,|]+)")
_WORD = re.compile(r"[A-Za-z0-9_]+")
_HEXADECIMAL_PATH = re.compile(r"(?<![0-9A-Fa-f])2F(?:[0-9A-F]{2}){4,}(?![0-9A-Fa-f])")


class Scrubber:
    """Replaces what tells whose machine it was. One object per recording, so that it stays consistent."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        import os

        self._salt = os.urandom(16)
        self._stand_ins: dict[tuple[str, str], str] = {}
        people, machines = _names(document)
        words = {name: f"user{number}" for number, name in enumerate(sorted(people), 1)}
        words.update({name: f"host{number}" for number, name in enumerate(sorted(machines - people), 1)})
        self._words = words
        longest_first = sorted(words, key=len, reverse=True)
        pattern = "|".join(re.escape(name) for name in longest_first)
        self._named = re.compile(rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])") if words else None

    def _stand_in(self, kind: str, found: str, make: Callable[[int], str]) -> str:
        known = (kind, found.lower())
        if known not in self._stand_ins:
            number = 1 + sum(1 for other, _text in self._stand_ins if other == kind)
            self._stand_ins[known] = make(number)
        return self._stand_ins[known]

    def ipv4(self, number: int) -> int:
        """The stand-in of an address. Whatever shared a prefix of up to 24 bits still does, so that networks that
        overlapped overlap, and those that did not do not; the host's own part stays.
        """
        import hashlib

        if any(number >> (32 - bits) == network >> (32 - bits) for network, bits in KEPT):
            return number
        result = 0
        for place in range(24):
            bit = number >> (31 - place) & 1
            prefix = number >> (32 - place) << (32 - place) if place else 0
            # Above a network that stays nothing is turned, else another could take its place.
            kept = any(place < bits and _same(prefix, network, place) for network, bits in KEPT)
            material = self._salt + bytes([place]) + prefix.to_bytes(4, "big")
            turn = 0 if kept else hashlib.sha256(material).digest()[0] & 1
            result = result << 1 | (bit ^ turn)
        return result << 8 | (number & 0xFF)

    def _ipv4_text(self, match: re.Match[str]) -> str:
        number = int.from_bytes(bytes(int(part) for part in match.group().split(".")), "big")
        return ".".join(str(byte) for byte in self.ipv4(number).to_bytes(4, "big"))

    def _ipv6_text(self, match: re.Match[str]) -> str:
        import ipaddress

        try:
            address = ipaddress.IPv6Address(match.group())
        except ValueError:
            return match.group()
        if address.is_loopback or int(address) == 0:
            return match.group()
        return self._stand_in("ipv6", str(address), lambda number: f"2001:db8::{number:x}")

    def _mac_text(self, match: re.Match[str]) -> str:
        plain = match.group().replace("-", ":").lower()
        if plain in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"):
            return match.group()
        stand_in = self._stand_in(
            "mac", plain, lambda number: f"52:54:00:00:{number >> 8 & 255:02x}:{number & 255:02x}"
        )
        return stand_in.replace(":", match.group(1))

    def _serial_text(self, match: re.Match[str]) -> str:
        return match.group(1) + self._stand_in("serial", match.group(2), lambda number: f"SERIAL{number}")

    def _hexadecimal(self, match: re.Match[str]) -> str:
        plain = bytes.fromhex(match.group()).decode("utf-8", "surrogateescape")
        return self.text(plain).encode("utf-8", "surrogateescape").hex().upper()

    def text(self, text: str) -> str:
        """The text with stand-ins."""
        text = _HEXADECIMAL_PATH.sub(self._hexadecimal, text)
        text = _UUID.sub(
            lambda m: self._stand_in("uuid", m.group(), lambda n: f"00000000-0000-4000-8000-{n:012x}"), text
        )
        text = _MACHINE_ID.sub(lambda m: self._stand_in("machine", m.group(), lambda n: f"{n:032x}"), text)
        text = _MAC.sub(self._mac_text, text)
        text = _IPV6.sub(self._ipv6_text, text)
        text = _IPV4.sub(self._ipv4_text, text)
        text = _SERIAL.sub(self._serial_text, text)
        return text if self._named is None else self._named.sub(lambda m: self._words[m.group()], text)

    def routes(self, text: str, big_endian: bool) -> str:
        """/proc/net/route: destination and gateway are hexadecimal, in the byte order of the machine."""
        order = "big" if big_endian else "little"
        lines = []
        for line in text.splitlines(keepends=True):
            columns = line.split("\t")
            for place in (1, 2):
                if len(columns) > place and re.fullmatch(r"[0-9A-Fa-f]{8} *", columns[place]):
                    raw = bytes.fromhex(columns[place].strip())
                    turned = self.ipv4(int.from_bytes(raw if big_endian else raw[::-1], "big")).to_bytes(4, "big")
                    columns[place] = (turned if order == "big" else turned[::-1]).hex().upper()
            lines.append("\t".join(columns))
        return "".join(lines)

    def value(self, value: Any) -> Any:
        """Any JSON value with stand-ins in its strings."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        if isinstance(value, dict):
            return {name: self.value(item) for name, item in value.items()}
        return value


def _same(one: int, other: int, bits: int) -> bool:
    return bits == 0 or one >> (32 - bits) == other >> (32 - bits)


def _names(document: Mapping[str, Any]) -> tuple[set[str], set[str]]:
    """People and machines that the recording names."""
    people: set[str] = set(document["asked_for"].get("users", ()))
    machines: set[str] = set()
    for entry in document["answers"]:
        asked, answer = entry["ask"], entry["answer"]
        kind = asked.get("ask")
        if kind == "caller":
            people |= {answer.get("user", ""), answer.get("sudo_user", "")}
            machines |= {answer.get("hostname", ""), answer.get("hostname", "").partition(".")[0]}
        elif kind == "account" and answer.get("uid", -1) in PEOPLE:
            people |= {answer.get("name", ""), answer.get("home", "").rpartition("/")[2]}
        elif kind == "group":
            people |= set(answer.get("members", ()))
        elif asked.get("path") == "/etc/passwd":
            for line in answer.get("text", "").splitlines():
                fields = line.split(":")
                if len(fields) > 4 and fields[2].isdigit() and int(fields[2]) in PEOPLE:
                    people |= {fields[0], fields[4].partition(",")[0]}
        people |= {name for text in _texts(entry) for name in _HOME.findall(text)}
    known = SYSTEM | _fixed_words(document) | {""}
    return people - known, machines - known


def _fixed_words(document: Mapping[str, Any]) -> set[str]:
    """The words of the paths that are asked of every host; the questions must stay what they are."""
    paths = [str(entry["ask"].get("path", "")) for entry in document["answers"]]
    asked = [path for path in paths if path.startswith(FIXED)]
    return {word for path in asked for word in (*path.split("/"), *_WORD.findall(path))}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return [text for part in parts for text in _texts(part)]


def scrub(document: Mapping[str, Any]) -> dict[str, Any]:
    """The recording with stand-ins. ``document`` is that of ``RecordingHost.document``; it is not changed."""
    scrubber = Scrubber(document)
    callers = [entry["answer"] for entry in document["answers"] if entry["ask"].get("ask") == "caller"]
    big_endian = any(caller.get("arch") in ("s390x", "ppc64") for caller in callers)
    answers = []
    for entry in document["answers"]:
        asked, answer = entry["ask"], entry["answer"]
        clean = {"ask": scrubber.value(asked), "answer": scrubber.value(answer)}
        if asked.get("ask") == "attribute" and "text" in answer:
            clean["answer"]["text"] = answer["text"]  # the bytes of an ACL or a label: numbers, and words of a policy
        elif asked.get("path") == "/proc/net/route" and "text" in answer:
            clean["answer"]["text"] = scrubber.routes(answer["text"], big_endian)
        answers.append(clean)
    return {**document, "asked_for": scrubber.value(document["asked_for"]), "answers": answers}
