"""What is taken out of a loaded page, and which rules are added to it."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from creative.capture import rules
from creative.capture.page import Page
from creative.errors import InvalidInput

_DRESS = """(asked => {
  const doc = name => Object.getOwnPropertyDescriptor(Document.prototype, name);
  const query = text => Document.prototype.querySelector.call(document, text);
  for (const text of asked.hide) {
    try { query(text); } catch { return {invalid: text}; }
  }
  const sheets = doc("adoptedStyleSheets");
  const adopt = sheet => sheets.set.call(document, [...sheets.get.call(document), sheet]);
  const gone = "{display:none!important}";
  const add = selectors => {
    const sheet = new CSSStyleSheet();
    // A rule each: one that this browser cannot read takes no other with it.
    sheet.replaceSync(selectors.map(text => text + gone).join("\\n"));
    adopt(sheet);
  };
  if (asked.css) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(asked.css);
    if (!sheet.cssRules.length) return {empty: true};
    adopt(sheet);
  }
  if (asked.hide.length) add(asked.hide);
  if (asked.cosmetic.length) add(asked.cosmetic);
  if (!asked.banners) return {};

  const style = element => getComputedStyle(element);
  const body = doc("body").get.call(document), root = doc("documentElement").get.call(document);
  const force = (element, name, value) => element.style.setProperty(name, value, "important");
  const known = asked.banners.filter(query);
  let found = known.length;
  add(asked.banners);

  // Banners of other makers: what lies on the page at these points and is fixed to the window.
  const says = new RegExp(asked.sayings.join("|"), "i");
  const wide = innerWidth, high = innerHeight, edge = 12;
  const points = [[.5, .5], [.5, .25], [.5, .75]].map(([x, y]) => [wide * x, high * y]);
  for (const x of [edge, wide * .25, wide * .5, wide * .75, wide - edge])
    points.push([x, edge], [x, high - edge], [x, high - 60]);
  const fixed = element => {
    for (let one = element; one && one !== body && one !== root; ) {
      if (["fixed", "sticky"].includes(style(one).position)) return one;
      one = one.parentElement || one.getRootNode().host;
    }
  };
  const at = (kind, root, x, y) =>
    [...kind.prototype.elementsFromPoint.call(root, x, y)].slice(0, 12);
  const look = () => {
    const seen = new Set();
    for (const [x, y] of points) {
      const here = at(Document, document, x, y);
      for (const element of here) {
        const one = fixed(element), inner = element.shadowRoot;
        if (one) seen.add(one);
        if (inner && here.length < 50)
          here.push(...at(ShadowRoot, inner, x, y).filter(found => found.getRootNode() === inner));
      }
    }
    return seen;
  };
  const banner = one => {
    const text = (one.shadowRoot || one).textContent || "";
    if (text.length > 20000) return false;
    const read = (one.innerText || text).replace(/\\s+/g, " ");
    if (!read || read.length > 4000 || !says.test(read)) return false;
    const clickable = (one.shadowRoot || one).querySelectorAll("button,a,input,[role=button]");
    if (!clickable.length || clickable.length > 30) return false;
    return !/^(header|nav|main|article)$/.test(one.localName)
      && !one.querySelector("main,article,nav,h1+h2");
  };
  for (const one of look()) if (banner(one)) { force(one, "display", "none"); found += 1; }
  if (!found) return {};

  // What lay beneath to keep readers off: an empty sheet over all, and a page that cannot scroll.
  for (const one of look()) {
    const box = one.getBoundingClientRect();
    if (box.width >= wide * .95 && box.height >= high * .95 && !(one.innerText || "").trim()
        && !one.querySelector("img,video,canvas,svg,iframe")) force(one, "display", "none");
  }
  for (const one of [root, body]) {
    if (!one) continue;
    const now = style(one);
    if (/hidden|clip/.test(now.overflowY)) force(one, "overflow", "visible");
    if (now.position === "fixed") { force(one, "position", "static"); force(one, "top", "auto"); }
    if (/blur/.test(now.filter)) force(one, "filter", "none");
  }
  return {found};
})"""


def apply(page: Page) -> None:
    """Change a loaded page: hidden elements, own rules, banners, places of advertisements.

    Raises:
        InvalidInput: `hide` has what is no selector, or `css` no rule.
    """
    request = page.request
    if not (request.hide or request.css.strip() or request.block_banners or request.block_ads):
        return
    asked: dict[str, Any] = {"hide": request.hide, "css": request.css.strip(), "cosmetic": []}
    if request.block_ads:
        asked["cosmetic"] = rules.load().cosmetic(urlsplit(page.url).hostname or "")
    if request.block_banners:
        table = rules.table()
        asked["banners"] = [text for banner in table.banners for text in banner.selectors]
        asked["sayings"] = [text for saying in table.sayings for text in saying.patterns]
    answer = page.evaluate(f"{_DRESS}({json.dumps(asked)})", "changing how the page looks")
    answer = answer if isinstance(answer, dict) else {}
    if "invalid" in answer:
        raise InvalidInput("hide", answer["invalid"], "CSS selectors such as .popup or #banner")
    if answer.get("empty"):
        raise InvalidInput("css", request.css, "style rules such as .popup { display: none }")
