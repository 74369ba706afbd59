"""When the picture is taken."""

from __future__ import annotations

import json
import time

from creative.capture.fields import STAGES, milliseconds, wanted
from creative.capture.page import Page
from creative.errors import InvalidInput

QUIET_SECONDS = 0.5
"""`networkidle`: so long nothing may be under way."""
NETWORK_SECONDS = 15.0
"""`networkidle`: a page that is never quiet is photographed after so long, with a note."""
REST_SECONDS = 3.0
"""After a selector is there, the page may go on loading for so long."""
RESERVE_SECONDS = 1.0
"""Kept back from the deadline, to say what is wrong with the page."""
_VISIBLE = """((selector, patience) => {
  const query = text => Document.prototype.querySelectorAll.call(document, text);
  const title = () => String(
    Object.getOwnPropertyDescriptor(Document.prototype, "title").get.call(document)).slice(0, 200);
  try { query(selector); } catch { return {invalid: true}; }
  const shown = () => {
    let number = 0;
    for (const one of query(selector)) {
      const box = Element.prototype.getBoundingClientRect.call(one);
      const seen = Element.prototype.checkVisibility.call(one, {visibilityProperty: true});
      if (seen && box.width > 0 && box.height > 0) return true;
      if ((number += 1) > 1000) break;
    }
    return false;
  };
  const end = performance.now() + patience;
  return new Promise(done => {
    const look = () => {
      if (shown()) done({shown: true});
      else if (performance.now() > end) done({exists: query(selector).length > 0, title: title()});
      else setTimeout(look, 50);
    };
    look();
  });
})"""

_FREEZE = """(() => {
  const all = (root, text) => (root === document ? Document : DocumentFragment)
    .prototype.querySelectorAll.call(root, text);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`*,*::before,*::after{transition:none!important;
    caret-color:transparent!important;scroll-behavior:auto!important}`);
  const hold = root => {
    const sheets = Object.getOwnPropertyDescriptor(
      root === document ? Document.prototype : ShadowRoot.prototype, "adoptedStyleSheets");
    if (!sheets.get.call(root).includes(sheet))
      sheets.set.call(root, [...sheets.get.call(root), sheet]);
    const running = (root === document ? Document : ShadowRoot).prototype.getAnimations.call(root);
    for (const one of running) {
      try {
        const timing = one.effect && one.effect.getComputedTiming();
        if (timing && Number.isFinite(timing.endTime)) one.finish();
        else {
          // One without an end stands at the end of its first round.
          one.pause();
          if (timing && Number.isFinite(timing.duration))
            one.currentTime = timing.delay + Math.max(0, timing.duration - 0.01);
        }
      } catch { one.pause(); }
    }
  };
  const roots = [document];
  let number = 0;
  for (const element of all(document, "*")) {
    if ((number += 1) > 20000) break;
    if (element.shadowRoot) roots.push(element.shadowRoot);
  }
  const still = image => {
    const width = image.naturalWidth, height = image.naturalHeight;
    if (!image.complete || !width || width * height > 16e6) return;
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(image, 0, 0);  // the first frame, by the standard
    return canvas.convertToBlob().then(blob => {
      image.removeAttribute("srcset");
      image.src = URL.createObjectURL(blob);
      return image.decode();
    }).catch(() => {
      // A picture of another site cannot be read, but shown: a canvas takes its place.
      const shown = document.createElement("canvas"), box = image.getBoundingClientRect();
      Object.assign(shown, {width, height, id: image.id, className: image.className});
      shown.getContext("2d").drawImage(image, 0, 0);
      const now = getComputedStyle(image);
      shown.style.cssText = image.style.cssText + `;object-fit:${now.objectFit};`
        + `width:${box.width}px;height:${box.height}px;display:${now.display}`;
      image.replaceWith(shown);
    });
  };
  const waits = [];
  for (const root of roots) {
    hold(root);
    for (const one of all(root, "video,audio")) HTMLMediaElement.prototype.pause.call(one);
    for (const one of all(root, "svg"))
      { try { SVGSVGElement.prototype.pauseAnimations.call(one); } catch {} }
    for (const one of [...all(root, "img")].slice(0, 500))
      if (/^data:image\\/gif|\\.gif(?:[?#]|$)/i.test(one.currentSrc)) waits.push(still(one));
  }
  // What begins later, when the page is scrolled for example, is held as well.
  for (const name of ["animationstart", "transitionrun"])
    document.addEventListener(name, () => roots.forEach(hold), true);
  return Promise.race([Promise.all(waits), new Promise(done => setTimeout(done, 1000))])
    .then(() => waits.length);
})()"""


def settle(page: Page) -> None:
    """Wait in a loaded page for the moment that was asked for.

    Raises:
        InvalidInput: `wait_for` is no selector, or `delay_seconds` is longer than the call.
        DeadlineExceeded: the moment did not come.
    """
    text = wanted(page.request)
    number = milliseconds(text)
    if text == "networkidle":
        doing = "waiting for the page's last request to end (wait_for networkidle)"
        if not page.loading.quiet(QUIET_SECONDS, page.deadline, doing, NETWORK_SECONDS):
            page.notes.append(
                f"wait_for: the page was still loading something after {NETWORK_SECONDS:g} s; "
                "photographed as it was"
            )
    elif number is not None:
        _delay(page, "wait_for", number / 1000)
    elif text not in STAGES:
        _until_visible(page, text)
    _delay(page, "delay_seconds", page.request.delay_seconds)


def freeze(page: Page) -> None:
    """Stop what moves in the page, if that was asked for."""
    if page.request.freeze_animations:
        page.evaluate(_FREEZE, "stopping the page's animations")


def _delay(page: Page, parameter: str, seconds: float) -> None:
    if not seconds:
        return
    left = page.deadline.remaining()
    if seconds >= left:
        raise InvalidInput(
            parameter,
            f"{seconds:g} s",
            f"less than the {left:.1f} s that are left of {page.deadline.limit}",
            page.deadline.who,
        )
    page.loading.rest(seconds, page.deadline, f"waiting {seconds:g} s ({parameter})")


def _until_visible(page: Page, selector: str) -> None:
    doing = f"waiting for {selector!r} to be visible on the page"
    began = time.monotonic()
    while True:
        left = page.deadline.timeout(doing)
        patience = max(left - RESERVE_SECONDS, left / 2)
        answer = page.told(f"{_VISIBLE}({json.dumps(selector)}, {patience * 1000:.0f})", doing)
        if not isinstance(answer, dict) or answer.get("invalid"):
            raise InvalidInput(
                "wait_for",
                selector,
                "load, domcontentloaded, networkidle, a CSS selector, or milliseconds",
            )
        if answer.get("shown"):
            break
        # A page that went elsewhere meanwhile began its wait anew: there may be time left.
        if page.deadline.remaining() > 2 * RESERVE_SECONDS:
            continue
        state = "it is there, but not visible" if answer.get("exists") else "nothing matches it"
        waited = time.monotonic() - began
        raise page.deadline.error(
            f'waiting {waited:.1f} s for {selector!r} to be visible on the page "'
            f'{answer.get("title", "")}" ({page.shown}): {state}'
        )
    page.rest_of_load(REST_SECONDS)
