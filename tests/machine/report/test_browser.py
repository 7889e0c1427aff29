"""The page in a real browser: it asks for nothing, runs nothing, fits a phone, prints whole, and axe finds no fault."""

from __future__ import annotations

import importlib.resources
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from kvmready.report import html
from tests.unit import test_recorded_hosts as recorded
from tests.unit.report import hostile, samples

pytestmark = pytest.mark.machine

CHROMIUM = Path("/usr/bin/chromium")
QUIET = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
)
AXE = importlib.resources.files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
PAGES = {
    "fresh": recorded.record("debian-12-fresh-as-alice"),
    "ready": recorded.record("debian-12-ready"),
    "degraded": recorded.record("kvm-pvm"),
    "broken": samples.broken(),
    "proven": samples.proven(),
    "emulated": samples.proven("tcg"),
    "hostile": hostile.report(hostile.TEXTS["all"]),
    "hostile-run": hostile.after_a_run(hostile.TEXTS["all"]),
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("chromium is not installed. Install it with: apt-get install chromium", pytrace=False)
    with sync_playwright() as tools:
        started = tools.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield started
        started.close()


@pytest.fixture(params=PAGES)
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "report.html"
    path.write_text(html.render(PAGES[request.param]), "utf-8")
    return path


def opened(browser: Browser, path: Path, **how: Any) -> tuple[Page, list[str]]:
    """The page, and whatever it complained of or asked for."""
    page = browser.new_context(**how).new_page()
    told: list[str] = []
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("dialog", lambda dialog: told.append(dialog.message))
    page.on("request", lambda request: told.append(request.url))
    page.goto(path.as_uri())
    return page, told


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(fold => { fold.open = true })")


def test_it_asks_for_nothing_and_fits(browser: Browser, file: Path) -> None:
    page, told = opened(browser, file)
    unfold(page)
    for width in (320, 360, 600, 768, 1280):
        page.set_viewport_size({"width": width, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.mouse.move(width / 2, 300)
    assert told == [file.as_uri()]
    page.context.close()


def test_axe_finds_no_fault(browser: Browser, file: Path) -> None:
    """axe-core, all its rules for WCAG and best practice, on the page with everything unfolded."""
    page, _told = opened(browser, file, bypass_csp=True)
    unfold(page)
    page.evaluate(AXE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        result = page.evaluate("axe.run()")
        assert len(result["passes"]) > 15
        found = [
            f"{scheme}: {rule['id']}: {node['html']}: {node['failureSummary']}"
            for rule in result["violations"]
            for node in rule["nodes"]
        ]
        assert not found, "\n".join(found)
    page.context.close()


def test_axe_sees_a_fault(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(samples.broken()).replace('lang="en"', "").replace("<h1>", "<h1 hidden>"), "utf-8")
    page, _told = opened(browser, path, bypass_csp=True)
    page.evaluate(AXE)
    assert "html-has-lang" in {rule["id"] for rule in page.evaluate("axe.run()")["violations"]}
    page.context.close()


def test_a_link_unfolds_its_check(browser: Browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html.render(samples.broken()), "utf-8")
    page, _told = opened(browser, path)
    check = page.locator("[id='check-kernel.kvm-device']")
    assert not check.is_visible()
    page.locator("a", has_text="kernel.kvm-device").first.click()
    check.wait_for(state="visible", timeout=10_000)
    page.context.close()


def test_paper_shows_what_is_folded(browser: Browser, tmp_path: Path) -> None:
    record = recorded.record("debian-12-fresh-as-alice")
    path = tmp_path / "report.html"
    path.write_text(html.render(record), "utf-8")
    page, _told = opened(browser, path, color_scheme="dark")
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    page.context.close()
    answer = subprocess.run(["pdftotext", tmp_path / "report.pdf", "-"], capture_output=True, timeout=60, check=True)
    words = "".join(answer.stdout.decode("utf-8").split())
    for finding in record["findings"]:
        assert finding["check"] in words and "".join(finding["summary"].split()) in words
    for step in record["plan"]["steps"]:
        assert all(word in words for word in step["summary"].split())  # its number stands between its lines
