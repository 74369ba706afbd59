"""What a page says about itself."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

from creative.capture.cdp import BrowserGone
from creative.capture.markdown import worker
from creative.capture.page import Page
from creative.capture.request import PageFacts, Picture
from creative.deadline import Deadline
from creative.errors import BlockedAddress, CreativeError

FACTS_SECONDS = 3.0
"""The picture is there already: what the page says about itself is not waited for longer."""
COLOURS_SECONDS = 10.0
"""Nor are its colours; on a busy machine the process that counts them takes a while to start."""
READ_MILLISECONDS = 40
"""A page with more to read is read so far; its first 2,000 elements and texts always are."""
MAX_HEADINGS, MAX_BUTTONS, MAX_PRICES = 40, 40, 20
MAX_TEXT = 4000
MAX_LINE = 300
MAX_ADDRESS = 2000

_CURRENCY = (
    r"(?:(?:US|CA|AU|NZ|HK|NT|S|R|A)?\$|[€£¥￥₹₩₽₺₴₫฿₱]"
    r"|\b(?:USD|EUR|GBP|JPY|CNY|RMB|BRL|CHF|INR)\b)"
)
_AMOUNT = (
    r"\d{1,2}(?:,\d{2}){1,4},\d{3}(?:\.\d{1,2})?(?!\d)|"  # lakhs
    r"\d{1,3}(?:[.,'\u00a0\u202f ]\d{3}){1,4}(?:[.,]\d{1,2})?(?!\d)"
    r"|\d{1,9}(?:[.,]\d{1,2})?(?!\d)"
)
_PRICE = re.compile(
    rf"{_CURRENCY}[ \u00a0]?(?:{_AMOUNT})|(?<![\d.,])(?:{_AMOUNT})[ \u00a0]?"
    r"(?:[€£₽₺₴₫]|円|元|万円|\b(?:USD|EUR|GBP|JPY|CNY|RMB|BRL|CHF)\b|kr\b|zł)"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufeff\u200b\u202a-\u202e\u2066-\u2069]")

# Methods are taken from prototypes: a form field named "getAttribute" hides the form's own.
_READ = """((most, patience) => {
  const get = (owner, name) => {
    const found = Object.getOwnPropertyDescriptor(owner.prototype, name).get;
    return object => found.call(object);
  };
  const call = (owner, name) => (object, ...given) => owner.prototype[name].call(object, ...given);
  const attribute = call(Element, "getAttribute"), named = get(Element, "localName");
  const text = get(Node, "textContent"), box = call(Element, "getBoundingClientRect");
  const parent = get(Node, "parentElement"), visible = call(Element, "checkVisibility");
  const tagged = call(Document, "getElementsByTagName");
  const start = performance.now();
  const late = () => performance.now() - start > patience;
  const line = value => String(value ?? "").slice(0, 4 * most.line).replace(/\\s+/g, " ").trim()
    .slice(0, most.line).toWellFormed();
  const address = value => {
    try {
      const url = new URL(String(value ?? "").slice(0, most.address),
        get(Node, "baseURI")(document));
      return /^https?:$/.test(url.protocol) ? url.href.slice(0, most.address) : "";
    } catch { return ""; }
  };
  const first = (name, most) => {
    const found = [], list = tagged(document, name);
    for (let at = 0; at < most && at < list.length; at++) found.push(list[at]);
    return found;
  };
  const metas = {};
  for (const one of first("meta", 300)) {
    const name = attribute(one, "property") || attribute(one, "name")
      || attribute(one, "http-equiv");
    const value = attribute(one, "content");
    if (name && value) metas["." + name.toLowerCase()] ??= value;
  }
  const links = {};
  for (const one of first("link", 300)) {
    for (const name of (attribute(one, "rel") || "").toLowerCase().split(/\\s+/))
      if (attribute(one, "href")) links["." + name] ??= attribute(one, "href");
  }
  const root = get(Document, "documentElement")(document);
  const body = get(Document, "body")(document) || root;
  const found = {headings: [], buttons: [], text: "", logo: "", image: ""};
  const add = (list, value, number) => {
    const words = line(value);
    if (words && list.length < number && !list.includes(words)) list.push(words);
  };
  const skipped = new Set(["script", "style", "noscript", "template", "iframe", "svg", "head",
    "canvas", "object", "select", "textarea"]);
  const inline = new Set(["a", "abbr", "b", "bdi", "bdo", "cite", "code", "em", "font", "i", "kbd",
    "label", "mark", "q", "s", "small", "span", "strong", "sub", "sup", "time", "u", "var", "wbr"]);
  const isButton = (one, name) => {
    if (name === "button") return text(one);
    const role = attribute(one, "role");
    if (name === "input")
      return /^(submit|button|reset)$/i.test(attribute(one, "type")) ? attribute(one, "value") : "";
    if (role === "button") return text(one);
    return name === "a" && /(?:^|[\\s_-])(?:btn|button|cta)(?:$|[\\s_-])/i
      .test((attribute(one, "class") || "").slice(0, 500)) ? text(one) : "";
  };
  let largest = 0, number = 0, words = "", rank = 0;
  let broken = true, gap = false, last = null;
  const before = get(Node, "previousSibling"), shape = one => getComputedStyle(one).display;
  const block = node => {
    let one = parent(node);
    while (one && one !== body && inline.has(named(one)) && /^(inline|contents)/.test(shape(one)))
      one = parent(one);
    return one;
  };
  const logo = (one, level) => {
    const source = address(one.currentSrc || attribute(one, "src"));
    if (source && level > rank) { rank = level; found.logo = source; }
  };
  const elsewhere = one => { while (one && !/^(header|nav)$/.test(named(one))) one = parent(one);
    return !one; };
  const filter = node => {
    if (node.nodeType === 3) return NodeFilter.FILTER_ACCEPT;
    // Not laid out: with all in it, unless its children take its place.
    return skipped.has(named(node))
      || !visible(node) && getComputedStyle(node).display !== "contents"
      ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT;
  };
  const walker = Document.prototype.createTreeWalker.call(document, body,
    NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT, filter);
  for (let node = walker.nextNode(); node && (number += 1) < most.nodes; node = walker.nextNode()) {
    if (number > most.surely && number % 64 === 0 && late()) break;
    if (node.nodeType === 3) {
      if (words.length > most.read) break;
      const piece = node.data.slice(0, most.read);
      if (piece.trim()) {
        const here = block(node);
        if (words && (broken || here !== last)) words += "\\n";
        else if (gap && !words.endsWith(" ")) words += " ";
        words += piece.replace(/\\s+/g, " ");
        last = here; broken = gap = false;
      }
      else if (!broken && !words.endsWith(" ")) words += " ";
      continue;
    }
    const name = named(node);
    if (!inline.has(name)) broken = true;
    // Boxes in a line, and links without a word between them, are not one word.
    else if (/^inline-/.test(shape(node))) gap = true;
    else if (name === "a" && before(node) && before(node).nodeType === 1) gap = true;
    if (/^h[1-3]$/.test(name)) add(found.headings, text(node), most.headings);
    const label = isButton(node, name);
    if (label) add(found.buttons, label, most.buttons);
    if (name === "img") {
      const about = ["id", "class", "alt", "src"].map(one => attribute(node, one) || "").join(" ");
      const isLogo = /logo|brand/i.test(about.slice(0, 2000));
      if (isLogo) logo(node, elsewhere(node) ? 2 : 3);
      else if (rank < 1 && !elsewhere(node)) logo(node, 1);
      const area = box(node), size = area.width * area.height;
      if (!isLogo && area.width >= 100 && area.height >= 100 && size > largest) {
        const source = address(node.currentSrc || attribute(node, "src"));
        if (source) { largest = size; found.image = source; }
      }
    }
  }
  found.text = words.toWellFormed();
  found.title = line(get(Document, "title")(document));
  found.description = String(metas[".description"] || metas[".og:description"] || "")
    .slice(0, 2000).replace(/\\s+/g, " ").trim().toWellFormed();
  found.site = line(metas[".og:site_name"] || metas[".application-name"]);
  found.canonical = links[".canonical"] ? address(links[".canonical"]) : "";
  found.language = line(attribute(root, "lang") || metas[".content-language"]).slice(0, 40);
  const main = metas[".og:image"] || metas[".og:image:url"] || metas[".twitter:image"];
  if (main) found.image = address(main) || found.image;
  if (metas[".og:logo"]) found.logo = address(metas[".og:logo"]) || found.logo;
  const icon = links[".apple-touch-icon"] || links[".icon"];
  if (!found.logo && icon) found.logo = address(icon);
  return found;
})"""


def prices_in(text: str) -> tuple[str, ...]:
    """The prices in a text as they are written, each once."""
    return tuple(dict.fromkeys(" ".join(match[0].split()) for match in _PRICE.finditer(text)))


def warm_up() -> None:
    """Start the process that counts colours while the page loads."""
    if worker.pid is not None:
        return

    def ready() -> None:
        try:
            worker.call("creative.palette:ready", None, Deadline(30))
        except CreativeError:
            return  # whoever needs it next is told what is wrong

    threading.Thread(target=ready, name="pages", daemon=True).start()


def read(page: Page, pictures: tuple[Picture, ...]) -> PageFacts | None:
    """What a photographed page says about itself; None, with a note, if it does not answer.

    Raises:
        BrowserGone: the browser is no more. BlockedAddress: the picture must be withheld.
    """
    most = {
        "headings": MAX_HEADINGS, "buttons": MAX_BUTTONS, "line": MAX_LINE,
        "address": MAX_ADDRESS, "nodes": 50_000, "surely": 2000, "read": 50_000,
    }  # fmt: skip
    try:
        call = f"{_READ}({json.dumps(most)}, {READ_MILLISECONDS})"
        found = page.evaluate(call, "reading the page", _soon(page.deadline, FACTS_SECONDS))
    except (BrowserGone, BlockedAddress):
        raise
    except CreativeError:
        page.notes.append("page: the page did not answer, so nothing is known of it")
        return None
    try:
        palette = _palette(pictures, _soon(page.deadline, COLOURS_SECONDS))
    except CreativeError as error:
        page.notes.append(f"page: its colours could not be counted: {error.message}")
        palette = ()
    return _facts(found if isinstance(found, dict) else {}, palette)


def _soon(deadline: Deadline, seconds: float) -> Deadline:
    return Deadline(min(seconds, deadline.timeout("reading the page")))


def _facts(found: dict[str, Any], palette: tuple[str, ...]) -> PageFacts:
    text = _clean(found.get("text"), 50_000, lines=True)
    prices = prices_in(text)
    return PageFacts(
        title=_clean(found.get("title")),
        site=_clean(found.get("site")),
        description=_clean(found.get("description"), 2000),
        canonical=_clean(found.get("canonical"), MAX_ADDRESS),
        language=_clean(found.get("language")),
        headings=tuple(_clean(one) for one in found.get("headings", ())),
        buttons=tuple(_clean(one) for one in found.get("buttons", ())),
        prices=prices[:MAX_PRICES],
        palette=palette,
        logo=_clean(found.get("logo"), MAX_ADDRESS),
        image=_clean(found.get("image"), MAX_ADDRESS),
        text=text[:MAX_TEXT],
    )


def _clean(value: object, most: int = MAX_LINE, lines: bool = False) -> str:
    text = _CONTROL.sub("", str(value or ""))[:most]
    if lines:
        return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))
    return " ".join(text.split())


def _palette(pictures: tuple[Picture, ...], deadline: Deadline) -> tuple[str, ...]:
    if not pictures or pictures[0].media_type == "application/pdf":
        return ()
    return tuple(worker.call("creative.palette:colours", pictures[0].data, deadline))
