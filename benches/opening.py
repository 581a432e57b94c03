"""How long a browser takes to open a report, and how large it is: `npuspec report` of a bundle, with an NPU's schedule.

Headless Chromium opens the page and writes down what it became, in turn with an empty page; the difference of the
medians is what the page takes.

Needs a bundle, Chromium (tools/chromium/setup), and a compiler for NPUs (`make npu-compiler`).

    python benches/opening.py build/asr
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from npuspec.compilers import VARIABLE

TOOLS = Path(__file__).parent.parent / "tools"
COMPILER = TOOLS / "npu-compiler" / "npu-compiler"
MOST_SECONDS, MOST_BYTES = 2.0, 6_000_000
ROUNDS = 7
OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1300,10000", "--dump-dom"]


def opened(chromium: str, page: Path) -> float:
    """Return how long a browser takes that opens a page and ends."""
    begin = time.perf_counter()
    profile = f"--user-data-dir={page.parent / 'profile'}"
    subprocess.run([chromium, *OPTIONS, profile, page.as_uri()], check=True, capture_output=True)
    return time.perf_counter() - begin


def main() -> int:
    """Measure, and fail if the page is too large or takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--compiler", default=str(COMPILER), help=f"as {VARIABLE} names it (default %(default)s)")
    arguments = parser.parse_args()
    chromium = subprocess.run([TOOLS / "chromium" / "setup"], check=True, capture_output=True, text=True).stdout.strip()
    with TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        page, empty = Path(scratch, "report.html"), Path(scratch, "empty.html")
        told = ["--platform", "4000", "--compiler", arguments.compiler, "-o", str(page)]
        subprocess.run([sys.executable, "-m", "npuspec", "report", str(arguments.bundle), *told], check=True)
        empty.write_text("<!DOCTYPE html><title>empty</title>", "utf-8")
        times = [[opened(chromium, which) for which in (page, empty)] for _ in range(ROUNDS)]
        ours, bare = (median(column) for column in zip(*times, strict=True))
        size = page.stat().st_size
    print(f"page {size / 1e6:.2f} MB; opened in {ours - bare:.2f} s, beside {bare:.2f} s of an empty page")
    return int(size >= MOST_BYTES or ours - bare >= MOST_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
