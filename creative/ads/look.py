"""Look: what is known of the thing to advertise.

A page is opened once, in a browser: its picture and what it says about itself come from the same
visit. Its logo and main picture are addresses that a stranger wrote, so they pass the address
guard, have limits, and are only a note if they cannot be had.
"""

from __future__ import annotations

import base64
import http
import re
from typing import Any
from urllib.parse import urlsplit

from creative import capture, languages
from creative.ads.model import AdsRequest, Look
from creative.ads.terms import contains, title_parts
from creative.ads.unspaced import traditional
from creative.capture.facts import PageFacts
from creative.capture.guard import Guard
from creative.capture.markdown import worker
from creative.deadline import Deadline
from creative.errors import (
    AnswerInvalid,
    CreativeError,
    EngineRejected,
    EngineUnavailable,
    InvalidInput,
    TooLarge,
)
from creative.files import fetch
from creative.http import redact
from creative.settings import Settings
from creative.steps import Phase, Steps

MAX_BRIEF = 10_000
"""Characters of a brief: a longer text is a document and belongs on a page."""
PICTURE_SECONDS = 10.0
"""Logo and main picture make variants nicer; they are not waited for longer, each."""
MAX_PICTURE_BYTES = 10 * 1024 * 1024
LOGO_SIDE, IMAGE_SIDE = 1024, 2048
SVG_HEIGHT = 256

_COLOUR = re.compile(r"#?([0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
_STATUSES = frozenset(http.HTTPStatus)
_PASSING = (502, 503, 504)
"""A server that is overloaded or being started, or one behind it."""
_SECOND_LEVEL = {"co", "com", "org", "net", "ac", "gov", "or", "ne", "edu"}


def look(request: AdsRequest, settings: Settings, deadline: Deadline, steps: Steps) -> Look:
    """Look at the page, the picture and the brief.

    Args:
        request: what is wanted.
        settings: browser and `allowed_private_hosts`.
        deadline: the call's clock.
        steps: told what happens (PREP to 25 percent).

    Raises:
        InvalidInput: nothing to look at, an unknown language, no picture, a brief that is too
            long (TooLarge), or a source that cannot be used.
        AnswerInvalid: a page with nothing on it.
        CreativeError: what kept the page from being loaded (see creative.capture.screenshot).
    """
    own_colours = _colours(request.colours)
    asked = languages.check(request.language) if request.language else ""
    _check_sources(request)
    given = _given_picture(request, "source_image", deadline, steps)
    logo = _given_picture(request, "logo", deadline, steps)
    if request.source_url or request.source_html:
        seen = _page(request, settings, deadline, steps, bool(given), bool(logo))
    else:
        kind = "image" if given else "none"
        seen = {"kind": kind, "screenshot": given.get("data", b""), "palette": ()}
    palette = [*seen.pop("palette"), *given.get("colours", ()), *logo.get("colours", ())]
    language, notes = _language(asked, request.brief, seen)
    if not asked and language == "zh" and traditional(request.brief or str(seen.get("text", ""))):
        language = "zh-Hant"
    seen["notes"] = (*seen.get("notes", ()), *notes)
    return Look(
        **{
            **seen,
            "language": language,
            "brand": request.brand or seen.get("brand", ""),
            "colours": own_colours or brand_colours(palette),
            "image": given.get("data") or seen.get("image", b""),
            "logo": logo.get("data") or seen.get("logo", b""),
        }
    )


def brand_colours(palette: list[str]) -> tuple[str, ...]:
    """The colours that speak for a brand: without white, black and greys, if there are others."""
    once = list(dict.fromkeys(palette))
    vivid = [colour for colour in once if not _neutral(colour)]
    return tuple(vivid or once)


def brand_of(title: str, url: str, text: str = "") -> str:
    """The brand in a page's title; "" if no part of it looks like one.

    The part that the host is named after; else the short part that the page itself speaks of as
    of a name ("Spoke & Chain – Mobile bike repair in Leeds"); else a short part at the end
    ("Light shoes | Acme").

    Args:
        title: as the page has it.
        url: of the page, "" for a given one.
        text: what is to be read on the page.
    """
    parts = title_parts(title)
    host = _name_in(url)
    for part in parts:
        plain = re.sub(r"[\W_]+", "", part).casefold()
        if host and plain and (plain == host or (len(plain) > 3 and host.startswith(plain))):
            return part
    short = [part for part in parts if len(part) <= 25 and len(part.split()) <= 3]
    if len(parts) < 2 or not short:
        return ""
    # Of two that are as likely the last: most titles end with the name.
    weight, at = max((_named(part, text), at) for at, part in enumerate(short))
    return short[at] if weight or short[at] == parts[-1] else ""


def _named(part: str, text: str) -> int:
    """How much a page's text speaks for `part` being its name: it is its owner's, the page
    begins with it, or, unlike what a line about the page says, no word of it is used elsewhere.
    """
    if not text.strip():
        return 0
    if any("©" in line and contains(line, part) for line in text.split("\n")):
        return 3
    if contains(text.strip()[: len(part)], part):
        return 2
    words = [word for word in re.findall(r"\w+", part) if len(word) > 3 or not word.isascii()]
    wide = [word[at : at + 2] for word in words if _wide(word) for at in range(len(word) - 1)]
    used = [*wide, *(word for word in words if not _wide(word))]
    folded = text.casefold()
    return int(bool(used) and not any(word.casefold() in folded for word in used))


def _wide(word: str) -> bool:
    """Whether it is written without spaces between its words."""
    return any(sign >= "\u3040" and not "\uac00" <= sign <= "\ud7af" for sign in word)


def _check_sources(request: AdsRequest) -> None:
    if len(request.brief) > MAX_BRIEF:
        raise TooLarge(
            "brief",
            f"{len(request.brief)} characters",
            f"{MAX_BRIEF} characters",
            "Say what to advertise and to whom in a few sentences.",
        )
    if request.source_url and request.source_html:
        raise InvalidInput("source_html", "source_url and source_html", "one of the two")
    sources = (request.source_url, request.source_html, request.source_image, request.brief)
    if not any(sources):
        raise InvalidInput(
            "brief",
            None,
            "a brief, or a source_url, source_html or source_image",
            "Say what to advertise, or give the page or picture to look at.",
        )


def _given_picture(
    request: AdsRequest, parameter: str, deadline: Deadline, steps: Steps
) -> dict[str, Any]:
    data = request.source_image if parameter == "source_image" else request.logo
    if not data:
        return {}
    is_logo = parameter == "logo"
    label = "Reading the logo" if is_logo else "Reading the picture"
    with steps.step(Phase.PREP, label, until=13):
        return _prepared(data, parameter, "", is_logo, deadline)


def _prepared(
    data: bytes, parameter: str, whose: str, is_logo: bool, deadline: Deadline
) -> dict[str, Any]:
    side = LOGO_SIDE if is_logo else IMAGE_SIDE
    asked = {"data": data, "parameter": parameter, "whose": whose, "side": side, "png": is_logo}
    done: dict[str, Any] = worker.call("creative.ads.sources:prepare", asked, deadline)
    return done


def _page(
    request: AdsRequest,
    settings: Settings,
    deadline: Deadline,
    steps: Steps,
    has_image: bool,
    has_logo: bool,
) -> dict[str, Any]:
    """What a page shows and says, by the fields of Look; and its `palette`."""
    shown = redact(request.source_url) if request.source_url else "the given page"
    if request.source_url:
        # Here, so that the error names our parameter.
        Guard(settings.allowed_private_hosts).check(request.source_url, deadline, "source_url")
    with steps.step(Phase.PREP, f"Looking at {shown}", until=20):
        asked = capture.ScreenshotRequest(url=request.source_url, html=request.source_html)
        try:
            shot = capture.screenshot(asked, settings, deadline, Steps())
        except EngineRejected as error:
            raise _answered(shown, error) from None
    facts, notes = shot.page, [f"page: {note}" for note in shot.notes]
    if facts is None:
        if not request.brief:
            raise AnswerInvalid(
                shown,
                "it was photographed, but what it says could not be read",
                "Give a brief, or set up a browser instead of a screenshot service.",
            )
        notes.append(f"Nothing is known of {shown} but its picture: the brief alone was used.")
        facts = PageFacts(title=shot.title)
    elif not (facts.text or facts.headings or facts.description):
        raise AnswerInvalid(
            shown,
            "there is nothing to read on it",
            "Check it in a browser: it may be empty, need a login, or be a picture only. Without "
            "it, a brief is enough.",
        )
    address = shot.final_url if request.source_url else ""
    found: dict[str, Any] = {
        "kind": "url" if request.source_url else "html",
        "url": address,
        "title": facts.title,
        "description": facts.description,
        "headings": facts.headings,
        "buttons": facts.buttons,
        "prices": facts.prices,
        "text": facts.text,
        "language": facts.language,
        "brand": facts.site or brand_of(facts.title, address, f"{facts.text}\n{facts.description}"),
        "screenshot": shot.picture.data,
        "palette": list(facts.palette),
    }
    # A photograph in the page's header is taken for its logo: its main picture is none.
    logo = facts.logo if facts.logo != facts.image else ""
    wanted = {"logo": logo and not has_logo, "image": facts.image and not has_image}
    with steps.step(Phase.PREP, "Fetching its logo and main picture"):
        for name in ("logo", "image"):
            if not wanted[name]:
                continue
            try:
                done = _fetched(getattr(facts, name), name, settings, deadline)
            except CreativeError as error:
                deadline.check("fetching a page's pictures")
                notes.append(f"The page's {name} could not be used: {error.message}")
            else:
                found[name] = done["data"]
                if name == "logo" and all(map(_neutral, found["palette"])):
                    found["palette"] += done["colours"]
    return {**found, "notes": tuple(notes)}


def _answered(shown: str, error: EngineRejected) -> CreativeError:
    """The page's own refusal without hints about fields that only the screenshot node has; as
    unavailable, so that it is tried again, where the next attempt may be answered otherwise.
    """
    if error.status is None or not error.message.startswith("The page"):
        return error
    instead = "The page can be given as source_html instead, or a brief without it."
    said = http.HTTPStatus(error.status).phrase if error.status in _STATUSES else "an error"
    if error.status in _PASSING:
        reason = f"it answered {error.status} ({said})"
        return EngineUnavailable(f"The page {shown}", reason, f"Try again later. {instead}")
    hint = f"Check the address in a browser: it may need a login. {instead}"
    return EngineRejected(f"The page {shown}", said, error.status, hint)


def _fetched(url: str, name: str, settings: Settings, deadline: Deadline) -> dict[str, Any]:
    """A picture of a page, prepared."""
    clock = Deadline(deadline.timeout(f"fetching the page's {name}", PICTURE_SECONDS), name)
    whose = f"the page's {name}"
    file = fetch(
        url,
        "",
        whose,
        clock,
        MAX_PICTURE_BYTES,
        settings.allowed_private_hosts,
        from_dify=False,
    )
    data = file.data
    if _is_svg(data):
        data = _drawn(data, settings, clock)
    return _prepared(data, "", whose, name == "logo", clock)


def _is_svg(data: bytes) -> bool:
    begins = data[:1000].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return begins.startswith((b"<?xml", b"<svg", b"<!--", b"<!doctype svg")) and b"<svg" in data


def _drawn(svg: bytes, settings: Settings, clock: Deadline) -> bytes:
    """A vector picture as a PNG: in the browser, where a picture can neither run nor load."""
    source = base64.b64encode(svg).decode()
    html = (
        f"<img id=logo style='height:{SVG_HEIGHT}px;max-width:{4 * SVG_HEIGHT}px' "
        f"src='data:image/svg+xml;base64,{source}'>"
    )
    asked = capture.ScreenshotRequest(
        html=html, selector="#logo", transparent=True, with_facts=False
    )
    return capture.screenshot(asked, settings, clock, Steps()).picture.data


def _language(asked: str, brief: str, seen: dict[str, Any]) -> tuple[str, list[str]]:
    """What variants are written in: as asked, else as the brief, else as the page."""
    if asked:
        return asked, []
    said = str(seen.get("language", ""))
    text = " ".join((seen.get("title", ""), seen.get("description", ""), seen.get("text", "")))
    read, notes = languages.guess(text), []
    try:
        page = languages.check(said.split(",", maxsplit=1)[0].strip()) if said else ""
    except InvalidInput:
        page = ""
    if read.sure and page and languages.base(page) != read.tag:
        # Templates of shops say "en" above texts of every language.
        notes.append(f"The page says that it is in {page}, but its text is {read.tag}.")
        page = read.tag
    page = page or read.tag
    wish = languages.guess(brief)
    if languages.base(page) == wish.tag:
        return page or "en", notes  # with the region that the page names
    if wish.sure or (wish.tag and not page):
        return wish.tag, notes
    return page or "en", notes


def _colours(given: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for colour in given:
        match = _COLOUR.fullmatch(colour.strip())
        if match is None:
            raise InvalidInput("colours", colour, "colours such as #ff6600")
        digits = match[1].lower()
        found.append("#" + (digits if len(digits) == 6 else "".join(d * 2 for d in digits)))
    return tuple(dict.fromkeys(found))


def _neutral(colour: str) -> bool:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    most, least = max(red, green, blue), min(red, green, blue)
    return most - least < 24 or most < 32


def _name_in(url: str) -> str:
    """What a host is named after: "acme" for https://www.acme.co.uk/; "" for a number."""
    labels = (urlsplit(url).hostname or "").split(".")
    if len(labels) < 2 or labels[-1].isdigit() or ":" in labels[0]:
        return ""
    short = len(labels) > 2 and labels[-2] in _SECOND_LEVEL
    return re.sub(r"[\W_]+", "", labels[-3 if short else -2]).casefold()
