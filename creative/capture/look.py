"""What the page believes of its reader's taste and place, and what is taken out of it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

from creative.capture import rules
from creative.errors import InvalidInput

if TYPE_CHECKING:
    from creative.capture.page import Page
    from creative.capture.request import ScreenshotRequest

MAX_HIDDEN = 200
"""Most selectors of `hide`."""

_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")

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


class LookFields(BaseModel):
    """The part of a request that changes how the page looks.

    Raises InvalidInput for a language, place or list that cannot be.
    """

    model_config = ConfigDict(frozen=True)

    dark_mode: bool = Field(False, description="prefers-color-scheme: dark")
    reduced_motion: bool = Field(False, description="prefers-reduced-motion: reduce")
    print_media: bool = Field(False, description="as printed")
    language: str = Field("", description="BCP 47, for example pt-BR; header and navigator")
    time_zone: str = Field("", description="IANA, for example Asia/Tokyo")
    geolocation: tuple[float, float] | None = Field(
        None, description="latitude, longitude, degrees"
    )
    hide: tuple[str, ...] = Field((), description="CSS selectors of what is not shown")
    css: str = Field("", description="style rules that are added to the page")
    block_banners: bool = Field(False, description="cookie banners are taken out")
    block_ads: bool = Field(False, description="advertisements and trackers are not loaded")
    transparent: bool = Field(False, description="no white behind a page without background")

    @field_validator("language")
    @classmethod
    def _a_language(cls, text: str) -> str:
        tag = text.strip().replace("_", "-")
        if tag and not _LANGUAGE.fullmatch(tag):
            raise InvalidInput("language", text, "a language such as en, pt-BR or zh-Hans")
        return tag

    @field_validator("geolocation")
    @classmethod
    def _on_earth(cls, place: tuple[float, float] | None) -> tuple[float, float] | None:
        if place is not None and not (abs(place[0]) <= 90 and abs(place[1]) <= 180):
            raise InvalidInput("geolocation", place, "latitude -90 to 90, longitude -180 to 180")
        return place

    @field_validator("hide")
    @classmethod
    def _not_too_many(cls, selectors: tuple[str, ...]) -> tuple[str, ...]:
        if len(selectors) > MAX_HIDDEN:
            raise InvalidInput("hide", f"{len(selectors)} selectors", f"at most {MAX_HIDDEN}")
        return tuple(text for text in selectors if text.strip())

    @field_validator("css")
    @classmethod
    def _no_import(cls, text: str) -> str:
        if re.search(r"@import\b", text, re.IGNORECASE):
            raise InvalidInput("css", "@import", "style rules", "Give the rules themselves.")
        return text


def commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What must be set in the page before anything is loaded."""
    found = frame_commands(request)
    if request.geolocation is not None:
        latitude, longitude = request.geolocation
        place = {"latitude": latitude, "longitude": longitude, "accuracy": 10}
        found.append(("Emulation.setGeolocationOverride", place))
    return found


def frame_commands(request: ScreenshotRequest) -> list[tuple[str, dict[str, Any]]]:
    """What frames in processes of their own must be told, too."""
    found: list[tuple[str, dict[str, Any]]] = []
    features = []
    if request.dark_mode:
        features.append({"name": "prefers-color-scheme", "value": "dark"})
    if request.reduced_motion:
        features.append({"name": "prefers-reduced-motion", "value": "reduce"})
    if features or request.print_media:
        media = "print" if request.print_media else ""
        found.append(("Emulation.setEmulatedMedia", {"media": media, "features": features}))
    if request.language:
        found.append(("Emulation.setLocaleOverride", {"locale": request.language}))
    if request.time_zone.strip():
        zone = {"timezoneId": request.time_zone.strip()}
        found.append(("Emulation.setTimezoneOverride", zone))
    return found


def languages(request: LookFields) -> str:
    """The languages a page is asked for, the wanted one first: "pt-BR,pt"; "" if none was."""
    tag = request.language
    return ",".join(dict.fromkeys([tag, tag.partition("-")[0]])) if tag else ""


def wrong(request: ScreenshotRequest, said: str) -> InvalidInput | None:
    """The parameter behind what the browser `said` when it refused one of `commands`."""
    if "setTimezoneOverride" in said:
        return InvalidInput("time_zone", request.time_zone, "an IANA name such as Asia/Tokyo")
    if "setLocaleOverride" in said:
        return InvalidInput("language", request.language, "a language such as en or pt-BR")
    return None


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
