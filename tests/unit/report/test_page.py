"""The page obeys nobody but its reader: no text is markup, nothing is fetched, and it can be read without a mouse."""

import re
from base64 import b64encode
from collections import Counter
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from npuspec.diagnostics import BundleError, Diagnostic
from npuspec.diagnostics.text import printable
from npuspec.report import Missing
from npuspec.report.page import render_page
from report.toys import EVIL, report

VOID = {"link", "meta"}
BROKEN = BundleError(Diagnostic("broken-bundle", f"of {EVIL} nothing is left"))


class Page(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.html = html
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.unclosed: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            self.unclosed.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render_page([report(EVIL), report("second")], {EVIL: BROKEN}, EVIL))


def test_what_a_stranger_writes_is_text_and_nothing_else(page: Page) -> None:
    tags = Counter(tag for tag, _ in page.elements)
    assert not {"script", "img", "iframe", "object", "embed", "form", "base"} & tags.keys()
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert not page.unclosed
    assert page.text.count(printable(EVIL)) > 40
    assert "49" not in re.findall(r"alert\(1\).{20,60}?<!--", page.text)
    assert not re.search(r"[\x00\x1b\u202e\ud800]", page.html)


def test_nothing_is_fetched_and_no_script_may_run(page: Page) -> None:
    places = [a[key] or "" for _, a in page.elements for key in ("href", "src", "xlink:href", "action") if key in a]
    assert {place for place in places if not place.startswith("#")} == {"data:,"}
    assert not re.search(r"url\(|@import", page.html)
    policy = next(a["content"] or "" for a in page.all("meta") if a.get("http-equiv"))
    style = page.html.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'sha256-{digest}'"]
    assert not [a for _, a in page.elements if "style" in a]  # which that policy would refuse


def test_every_link_leads_somewhere_and_no_place_has_two_names(page: Page) -> None:
    ids = Counter(a["id"] for _, a in page.elements if "id" in a)
    assert max(ids.values()) == 1
    named = {a[key] for _, a in page.elements for key in ("aria-labelledby",) if key in a}
    assert named | {(a["href"] or "")[1:] for a in page.all("a")} <= ids.keys()


def test_it_can_be_read_by_keyboard_and_aloud(page: Page) -> None:
    first = next(attributes for tag, attributes in page.elements if tag in ("a", "details", "summary"))
    assert first == {"class": "skip", "href": "#content"}
    assert page.html.count("<caption>") == page.html.count("<table")
    assert all(a.get("scope") in ("col", "row") for a in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    regions = [a for a in page.all("div") if a.get("role") == "region"]
    assert regions
    assert all(a["tabindex"] == "0" and a["aria-label"] for a in regions)
    assert page.html.startswith('<!DOCTYPE html>\n<html lang="en">')


def test_what_was_fused_and_what_not_is_told_with_what_to_change() -> None:
    page = Page(render_page([report("plain")], {}, "one"))
    section = page.html.partition('<section aria-labelledby="b1-fusion">')[2].partition("</section>")[0]
    rows = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in section.split("<tr>")[1:]]
    assert ["plain", "2", "not fused", "plain", "plain", "50.0 %", "<code>plain</code>: plain", "plain"] in rows
    assert ["b", "1", "fused", "", "", "", "", ""] in rows
    assert section.count('class="missing"') == 1


def test_each_section_has_its_plot(page: Page) -> None:
    plots = re.findall(r"<svg.*?</svg>", page.html, re.DOTALL)
    assert len(plots) == 1 + 2 * 7  # an overview, and of each bundle seven
    for plot in plots:
        fromstring(plot)  # noqa: S314  what is no XML raises
        assert "<title>" in plot
        assert not re.search(r'(fill|stroke)="(#|black)', plot), "a colour that no theme changes"


def test_of_what_no_report_can_be_made_is_named(page: Page) -> None:
    assert f"{printable(EVIL)}: of {printable(EVIL)} nothing is left" in page.text
    assert "Of these no report" not in Page(render_page([report("plain")], {}, "one")).text


def test_what_is_missing_says_why() -> None:
    nothing: dict[str, Any] = {
        "gates": (),
        "agreements": (),
        "latencies": (),
        "choices": (),
        "served": (),
        "quantized": (),
        "doubts": (),
    }
    why: dict[str, Any] = {name: Missing(f"no {name}: {EVIL}") for name in ("difference", "layers", "timeline")}
    why["fusion"] = (Missing(f"no fusion: {EVIL}"),)
    page = Page(render_page([report(**nothing, **why)], {}, "one"))
    assert all(f"no {name}: {printable(EVIL)}" in page.text for name in why)
    assert "<svg" not in page.html
    assert "Overview" not in page.text
