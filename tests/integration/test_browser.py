"""The report of the speech model, with a schedule of the real compiler, in a real browser."""

import re
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from conftest import ROOT, npuspec

MOST = 6_000_000  # bytes
PLOTS = 7  # gates, agreement, latency, precisions, types of operations, operations, engines
WIDTH, HEIGHT = 1300, 12_000
INK = {"light": [(0x0B, 0x62, 0xB0), (0xC2, 0x50, 0x0B)], "dark": [(0x6C, 0xB6, 0xFF), (0xFF, 0xA6, 0x57)]}
PAPER = {"light": (255, 255, 255), "dark": (0x0D, 0x11, 0x17)}
"""As report.css has them."""
DARK = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module")
def chromium() -> str:
    """The browser, installed where it wasn't."""
    setup = ROOT / "tools" / "chromium" / "setup"
    ran = subprocess.run([setup], capture_output=True, text=True, check=False)
    if ran.returncode != 0:
        pytest.skip(f"there is no browser here: {ran.stderr.splitlines()[-1]}")
    return ran.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def page(asr_bundle: Path, npu_compiler: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of specs/asr.toml's bundle."""
    path = tmp_path_factory.mktemp("report") / "asr.html"
    ran = npuspec("report", asr_bundle, "-o", path, "--platform", "4000", "--compiler", npu_compiler)
    assert ran.code == 0, ran.err
    return path


def browse(chromium: str, page: Path, *options: str) -> tuple[str, list[str]]:
    """Open a page, and return what it became and all that the console says."""
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--enable-logging=stderr"]
    where = [f"--user-data-dir={page.parent / 'profile'}", f"--window-size={WIDTH},{HEIGHT}", *options]
    command = [chromium, *quiet, *where, page.as_uri()]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return ran.stdout, [line for line in ran.stderr.splitlines() if "CONSOLE" in line]


def test_the_largest_page_is_small_and_whole(page: Path) -> None:
    text = page.read_text("utf-8")
    assert len(text.encode()) < MOST
    assert text.count("<svg") == PLOTS
    assert 'class="missing"' in text  # of a new bundle there is no version before
    assert re.search(r"Schedule of \d{4} tasks", text)


def test_the_console_says_nothing_and_the_policy_is_in_force(chromium: str, page: Path) -> None:
    dom, said = browse(chromium, page, "--dump-dom")
    assert said == []
    assert dom.count("</svg>") == PLOTS
    worse = page.with_name("worse.html")
    worse.write_text(page.read_text("utf-8").replace("</main>", "<script>document.title = 'run'</script></main>"))
    dom, said = browse(chromium, worse, "--dump-dom")
    assert "<title>run</title>" not in dom
    assert any("Content Security Policy" in line for line in said)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_are_drawn_in_the_colours_of_the_theme(chromium: str, page: Path, theme: str) -> None:
    picture = page.with_name(f"{theme}.png")
    browse(chromium, page, f"--screenshot={picture}", *([DARK] if theme == "dark" else []))
    with Image.open(picture) as image:
        counts = {colour: count for count, colour in image.convert("RGB").getcolors(2**24) or ()}
    assert max(counts, key=lambda colour: counts[colour]) == PAPER[theme]
    assert all(counts.get(colour, 0) > 500 for colour in INK[theme])


def test_it_prints_in_light_colours(chromium: str, page: Path) -> None:
    printed = page.with_name("asr.pdf")
    browse(chromium, page, f"--print-to-pdf={printed}", "--no-pdf-header-footer", DARK)
    data = printed.read_bytes()
    assert data.startswith(b"%PDF")
    assert 3 < data.count(b"/Type /Page\n") < 25
