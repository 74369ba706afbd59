"""What is asked of a page about its own geometry: scripts, run in a world of their own.

They come after the page has settled and change only what a picture beyond the window shows
wrongly: what is stuck to the window (`position: fixed`, `sticky` at the bottom) would lie across
the middle of a picture that is higher than the window.
"""

from __future__ import annotations

import json

# `tick` is one drawn frame, in which observers are told; a page that draws nothing still goes on.
# `finish` ends what scrolling has set going: headers that slide back in, content that fades in.
_COMMON = """
const sleep = ms => new Promise(done => setTimeout(done, ms));
const tick = () => new Promise(done => {
  const late = setTimeout(done, 100);
  requestAnimationFrame(() => { clearTimeout(late); setTimeout(done, 0); });
});
const to = y => window.scrollTo({top: y, left: 0, behavior: 'instant'});
const root = document.scrollingElement || document.documentElement;
const higher = () => Math.max(root.scrollHeight, window.innerHeight);
const finish = () => {
  for (const moving of document.getAnimations()) {
    const timing = moving.effect && moving.effect.getComputedTiming();
    if (timing && Number.isFinite(timing.endTime) && moving.timeline === document.timeline) {
      try { moving.finish(); } catch { /* one without a rate cannot be finished, and stands */ }
    }
  }
};
const everything = function* (where) {
  for (const element of where.querySelectorAll('*')) {
    yield element;
    if (element.shadowRoot) yield* everything(element.shadowRoot);
  }
};
const parent = element => element.assignedSlot || element.parentElement ||
  (element.getRootNode() instanceof ShadowRoot ? element.getRootNode().host : null);
const within = (element, test) => {
  for (let above = parent(element); above; above = parent(above)) if (test(above)) return true;
  return false;
};
const put = (element, styles) => {
  element.style.setProperty('transition', 'none', 'important');
  for (const [name, value] of Object.entries(styles))
    element.style.setProperty(name, value, 'important');
};
// What a fixed element is fixed to instead of the window (CSS Transforms 1, 3).
const holds = element => {
  const style = getComputedStyle(element);
  return style.transform !== 'none' || style.filter !== 'none' || style.perspective !== 'none' ||
    style.backdropFilter !== 'none' || /transform|filter|perspective/.test(style.willChange) ||
    /paint|layout|strict|content/.test(style.contain);
};
const scrolls = element => element !== document.body && element !== document.documentElement &&
  !/^(visible|clip) (visible|clip)$/.test(
    getComputedStyle(element).overflowX + ' ' + getComputedStyle(element).overflowY);
const stuck = function* () {
  for (const element of everything(document)) {
    const style = getComputedStyle(element);
    if (style.position === 'fixed' && !within(element, holds)) yield [element, style, 'fixed'];
    else if (style.position === 'sticky' && style.bottom !== 'auto' && !within(element, scrolls))
      yield [element, style, 'sticky'];
  }
};
const unstick = element => put(element, {position: 'relative', inset: 'auto'});
const low = element => {
  const box = element.getBoundingClientRect();
  return box.height < 0.9 * window.innerHeight && window.innerHeight - box.bottom < box.top;
};
const waiting = (where, bottom) => [...where.querySelectorAll('img')].filter(image =>
  !image.complete && image.getClientRects().length &&
  image.getBoundingClientRect().top + window.scrollY < bottom).length;
const loaded = async (where, bottom, seconds, quiet) => {
  const end = performance.now() + seconds * 1000;
  let before = '', since = performance.now();
  while (performance.now() < end) {
    const now = [higher(), performance.getEntriesByType('resource').length,
                 waiting(where, bottom)].join();
    if (now !== before) { before = now; since = performance.now(); }
    else if (!waiting(where, bottom) && performance.now() - since >= quiet * 1000) return true;
    await sleep(25);
  }
  return false;
};
"""

# Down the page window by window, so that what waits for being seen comes, and back to the top.
_UNROLL = """(async given => {
  const end = performance.now() + given.seconds * 1000;
  const first = higher();
  // A page that grows as one goes down is followed to twice its height, or where it was asked for.
  const limit = () => Math.min(higher(), given.most, given.asked ? Infinity :
                               Math.max(2 * first, given.growth));
  let y = 0, whole = true;
  while (y + window.innerHeight < limit()) {
    if (performance.now() > end) { whole = false; break; }
    y += window.innerHeight;
    to(y);
    await tick();
  }
  const reached = y + window.innerHeight;
  const complete = y === 0 || await loaded(document, reached, given.patience, given.quiet);
  to(0);
  await tick();
  await tick();
  finish();
  const bottom = given.cut ? Math.min(higher(), given.most) : higher();
  const shift = bottom - window.innerHeight;
  if (given.printed || shift > 0) for (const [element, style, kind] of [...stuck()]) {
    if (kind === 'sticky') unstick(element);
    else if (given.printed) put(element, {position: low(element) ? 'static' : 'absolute'});
    else if (low(element)) put(element, {
      top: parseFloat(style.top) + shift + 'px', bottom: parseFloat(style.bottom) - shift + 'px'});
  }
  return {whole, complete};
})"""

_MATCHES = """(given => {
  let all;
  try { all = [...document.querySelectorAll(given.selector)]; }
  catch (error) { return {invalid: error.message}; }
  const seen = element => {
    const box = element.getBoundingClientRect();
    return box.width >= 0.5 && box.height >= 0.5 &&
      element.checkVisibility({visibilityProperty: true, contentVisibilityAuto: true});
  };
  return {count: all.length, shown: all.flatMap((element, at) => seen(element) ? [at] : [])};
})"""

# Brings one match into view and says where on the page it is then. Other things that are stuck to
# the window are not part of it.
_AIM = """(async given => {
  const element = document.querySelectorAll(given.selector)[given.at];
  if (!element) return null;
  element.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  await tick();
  const end = performance.now() + given.seconds * 1000;
  const box = element.getBoundingClientRect();
  const bottom = box.bottom + window.scrollY;
  for (let y = box.top + window.scrollY; box.height > window.innerHeight && y < bottom
       && performance.now() < end; y += window.innerHeight) { to(y); await tick(); }
  const complete = await loaded(element, bottom, given.patience, 0);
  to(0);
  await tick();
  await tick();
  finish();
  for (const [other, , kind] of [...stuck()]) {
    if (kind === 'sticky') { if (other !== element) unstick(other); continue; }
    if (other !== element && !other.contains(element) && !within(element, up => up === other)
        && !element.contains(other)) put(other, {visibility: 'hidden'});
  }
  const found = element.getBoundingClientRect();
  return {x: found.x + window.scrollX, y: found.y + window.scrollY, width: found.width,
          height: found.height, complete};
})"""


def unroll(
    most: float,
    *,
    asked: bool,
    cut: bool,
    printed: bool = False,
    seconds: float,
    patience: float,
    growth: float,
    quiet: float,
) -> str:
    """Scroll through the page to `most` CSS pixels, wait for what comes, go back to the top.

    Args:
        most: no further down than this.
        asked: whether somebody asked for so much; else a growing page is not followed forever.
        cut: whether the picture ends at `most`, and with it what is stuck to the bottom.
        printed: nothing is stuck to the window, since there is none.
        seconds: longest way down.
        patience: longest wait for pictures at its end.
        growth: a page is followed to here however high it was at first, CSS pixels.
        quiet: so long nothing may come before it counts as all, seconds.

    Answers `whole` (the way was gone to its end) and `complete` (every picture came).
    """
    return _script(
        _UNROLL,
        {
            "most": most,
            "asked": asked,
            "cut": cut,
            "printed": printed,
            "seconds": seconds,
            "patience": patience,
            "growth": growth,
            "quiet": quiet,
        },
    )


def matches(selector: str) -> str:
    """Answers `invalid`, or how many elements match (`count`) and which are `shown`."""
    return _script(_MATCHES, {"selector": selector})


def aim(selector: str, at: int, *, seconds: float, patience: float) -> str:
    """Bring match number `at` into view.

    Answers x, y, width and height on the page in CSS pixels, and `complete`; null if it is gone.
    """
    given = {"selector": selector, "at": at, "seconds": seconds, "patience": patience}
    return _script(_AIM, given)


def _script(body: str, given: dict[str, object]) -> str:
    return f"(() => {{{_COMMON}\nreturn {body}({json.dumps(given)});}})()"
