"""The host's own kernel as a guest's: its image, and the modules that its first root has to load, for virtio."""

from __future__ import annotations

from kvmready.i18n import _
from kvmready.typed import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kvmready.host.door import Workshop

KERNELS = (
    "/boot/vmlinuz-{release}",
    "/lib/modules/{release}/vmlinuz",
    "/usr/lib/modules/{release}/vmlinuz",
    "/boot/vmlinuz-{flavour}",
    "/boot/vmlinuz-linux",
)
"""Debian, Ubuntu, RHEL; Fedora, openSUSE, Arch; Alpine, whose file is named for the last word of the release; Arch."""

MODULES = ("virtio_pci", "virtio_blk", "virtio_net")


class Kernel(NamedTuple):
    """``image`` and ``modules`` are contents. ``why`` says why there is none, with the file in ``path``."""

    path: str
    image: bytes = b""
    modules: tuple[bytes, ...] = ()
    why: str = ""


def find(host: Workshop, release: str) -> Kernel:
    """The kernel of that ``uname -r``, which runs now."""
    path, content, why = "", b"", ""
    for name in dict.fromkeys(one.format(release=release, flavour=release.rpartition("-")[2]) for one in KERNELS):
        if host.stat(name).error:
            continue
        path = path or name
        try:
            content, path = host.read_bytes(name), name
            break
        except OSError as error:
            why = error.strerror or str(error)
    if not content:
        path = path or KERNELS[0].format(release=release)
        return Kernel(path, why=why or _("There is no such file, and none of the other usual ones."))
    folder = f"/lib/modules/{release}"
    listed = host.read(f"{folder}/modules.dep", 1 << 24)
    if listed.error and host.read(f"{folder}/modules.builtin").error:
        return Kernel(path, why=_("{folder} has no list of modules: {why}").format(folder=folder, why=listed.error))
    try:
        modules = tuple(_module(host, f"{folder}/{file}") for file in in_order(listed.text, MODULES))
    except OSError as error:
        return Kernel(path, why=error.strerror or str(error))
    return Kernel(path, content, modules)


def in_order(dependencies: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """The files of modules.dep(5) for ``names``, each after those that it needs. What is built in is not among them."""
    needs: dict[str, list[str]] = {}
    files: dict[str, str] = {}
    for line in dependencies.splitlines():
        file, colon, others = line.partition(":")
        if colon:
            needs[file] = others.split()
            files[file.rpartition("/")[2].partition(".ko")[0].replace("-", "_")] = file

    def chain(file: str) -> Iterator[str]:
        # The nearest dependency comes first on a line, what that one needs itself after it.
        yield from reversed(needs.get(file, ()))
        yield file

    return tuple(dict.fromkeys(one for name in names if name in files for one in chain(files[name])))


def _module(host: Workshop, path: str) -> bytes:
    content = host.read_bytes(path)
    if path.endswith(".xz"):
        import lzma

        return lzma.decompress(content)
    if path.endswith(".gz"):
        import gzip

        return gzip.decompress(content)
    return content  # not compressed, or (zstd) by a distribution whose kernels unpack it themselves
