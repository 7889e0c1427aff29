"""The makers of the known images, all of them on the loopback device: an HTTPS proxy that is every host itself.

``https_proxy`` leads a client here with the addresses of the real table, over TLS, whose certificates a CA of the
test's own has signed. Each maker's files are laid out, and its checksums written, as that maker does it.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from urllib.parse import urlsplit

from kvmready.images.table import KNOWN, address
from tests.machine.images.server import Server

ARCH = "x86_64"
MIRROR = "https://mirror.example.org/fedora/linux"


class Mirror(Server):
    """``files``, ``redirects`` and ``asked`` go by the whole address. ``authority`` is the file of the CA."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        hosts = {urlsplit(url).hostname for known in KNOWN.values() for url in (known.url, known.checksums)}
        names = ",".join(f"DNS:{host}" for host in (*sorted(map(str, hosts)), "mirror.example.org"))
        key, self.authority = folder / "key.pem", folder / "certificate.pem"
        made = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=mirror")
        more = ("-addext", f"subjectAltName={names}", "-keyout", str(key), "-out", str(self.authority))
        subprocess.run((*made, *more), check=True, capture_output=True, timeout=60)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(self.authority, key)

    def connect(self, request: BaseHTTPRequestHandler) -> None:
        host = request.path.rpartition(":")[0]
        request.send_response(200)
        request.end_headers()
        try:
            request.connection = self._context.wrap_socket(request.connection, server_side=True)
        except OSError:
            return  # the client does not trust it
        request.rfile = request.connection.makefile("rb")
        request.wfile = request.connection.makefile("wb", 0)
        request.__dict__["raw_requestline"] = request.rfile.readline(65537)
        if request.parse_request():
            request.path = f"https://{host}{request.path}"
            self.answer(request)
        request.close_connection = True

    def publish(self, name: str, image: bytes) -> tuple[str, str]:
        """Put out an image and its checksum; returns the addresses of both."""
        self.put(name, image)
        return self.sums(name, image)

    def put(self, name: str, image: bytes) -> None:
        """The image alone. Fedora's lies on a mirror that its own server sends us on to."""
        url = address(KNOWN[name].url, ARCH)
        if name == "fedora":
            self.redirects[url] = f"{MIRROR}/{url.partition('/linux/')[2]}"
            url = self.redirects[url]
        self.files[url] = image

    def sums(self, name: str, image: bytes) -> tuple[str, str]:
        """The checksum alone."""
        known = KNOWN[name]
        url, checksums = address(known.url, ARCH), address(known.checksums, ARCH)
        self.files[checksums] = WRITERS[name.partition("-")[0]](url.rpartition("/")[2], image).encode()
        return url, checksums


def _digest(algorithm: str, content: bytes) -> str:
    return hashlib.new(algorithm, content).hexdigest()


def _debian(name: str, image: bytes) -> str:
    """SHA512SUMS: coreutils' text form, every format and architecture of the build in one file."""
    stem = name.rpartition("-")[0]
    others = (f"{stem}-amd64.json", f"{stem}-amd64.raw", f"{stem}-amd64.tar.xz", f"{stem}-arm64.qcow2")
    lines = [f"{_digest('sha512', other.encode())}  {other}" for other in others]
    return "\n".join(sorted([*lines, f"{_digest('sha512', image)}  {name}"])) + "\n"


def _ubuntu(name: str, image: bytes) -> str:
    """SHA256SUMS: coreutils' binary form; other names begin with the image's."""
    stem = name.rpartition(".")[0]
    others = (f"{stem}-root.manifest", f"{stem}-root.tar.xz", f"{stem}.manifest", f"{stem}.squashfs", f"{stem}.vmdk")
    lines = [f"{_digest('sha256', other.encode())} *{other}" for other in others]
    return "\n".join([*lines[:2], f"{_digest('sha256', image)} *{name}", *lines[2:]]) + "\n"


def _bsd(*files: tuple[str, bytes]) -> str:
    return "".join(
        f"# {name}: {len(content)} bytes\nSHA256 ({name}) = {_digest('sha256', content)}\n" for name, content in files
    )


def _fedora(name: str, image: bytes) -> str:
    """A CHECKSUM that is named after the compose: BSD lines in a text that is signed in clear."""
    azure, uki = name.replace("Generic", "Azure"), name.replace("Generic", "UEFI-UKI")
    inner = _bsd((azure, b"a"), (name, image), (uki, b"b"))
    signature = "-----BEGIN PGP SIGNATURE-----\n\niQIzBAEBCAAdFiEEHero\nAAAA==\n=abcd\n-----END PGP SIGNATURE-----\n"
    return f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n{inner}{signature}"


def _rocky(name: str, image: bytes) -> str:
    """One CHECKSUM beside each image: a comment and a BSD line."""
    return _bsd((name, image))


def _alpine(_name: str, image: bytes) -> str:
    """The digits alone."""
    return f"{_digest('sha512', image)}\n"


WRITERS = {"debian": _debian, "ubuntu": _ubuntu, "fedora": _fedora, "rocky": _rocky, "alpine": _alpine}
