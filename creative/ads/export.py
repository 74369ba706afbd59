"""The variants as tables that the platforms' bulk tools read, one file per platform.

- Google Ads Editor knows columns by their English headers, in any order; an empty cell changes
  nothing (Google Ads Editor Help, CSV file columns, 57747). Three responsive search ads fit an ad
  group (Google Ads Help, ad limits), so every three variants have one.
- Meta Ads Manager imports a CSV with the headers of its own export: Title is the headline, Body
  the primary text, pictures by file name. A row is an ad: one for each picture, and one for each
  further pair of texts.
- LinkedIn and X have no public table for new ads, and TikTok's belongs to an account and its
  version: theirs have one column for each field of the form, under the form's own name.

Everything arrives paused, so that nothing is spent before somebody has looked.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit, urlunsplit

from creative.ads.model import AdsRequest, Look, Variant
from creative.csv_cells import cell

_ADS_PER_GROUP = 3
_META_CODES = {"Send message": "MESSAGE_PAGE"}
_SIZE = re.compile(r"(\d+x\d+)\.\w+$")

type Row = dict[str, str]


def tables(variants: Sequence[Variant], request: AdsRequest, look: Look) -> list[tuple[str, bytes]]:
    """File names and CSV files, in the order in which the platforms first occur.

    UTF-8 with a byte order mark: Excel takes a CSV without one for the system's old code page and
    spoils every accent; the importers skip it. A cell that a spreadsheet would run begins with an
    apostrophe.

    Args:
        variants: the finished variants of a call.
        request: brand and the address that was given.
        look: brand and final address of the page.
    """
    made = []
    address = _address(look.url or request.source_url)
    campaign = request.brand or look.brand or urlsplit(address).hostname or "Ads"
    for platform in dict.fromkeys(one.platform for one in variants):
        own = [one for one in variants if one.platform == platform]
        columns, rows = _MAKERS.get(platform, _plain)(own, campaign, address)
        made.append((f"{platform}.csv", _csv(columns, rows)))
    return made


def _csv(columns: Sequence[str], rows: Sequence[Row]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(row.get(column, "")) for column in columns])
    return out.getvalue().encode("utf-8-sig")


def _address(url: str) -> str:
    """A web address as ads take it: without user and password; "" if it is none."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[-1]))


def _texts(variant: Variant, field: str) -> list[str]:
    """The texts of a field, which is one text where the platform takes only one."""
    value = variant.fields.get(field, ())
    texts = [value] if isinstance(value, str) else list(value)
    return [str(text) for text in texts if text]


def _text(variant: Variant, field: str) -> str:
    return next(iter(_texts(variant, field)), "")


def _numbered(variant: Variant, field: str, column: str) -> Row:
    return {f"{column} {n}": text for n, text in enumerate(_texts(variant, field), 1)}


def _google_search(
    variants: Sequence[Variant], campaign: str, address: str
) -> tuple[list[str], list[Row]]:
    headlines = [f"Headline {n}" for n in range(1, 16)]
    descriptions = [f"Description {n}" for n in range(1, 5)]
    columns = ["Campaign", "Ad Group", "Ad type"]
    for column in (*headlines, *descriptions):
        columns += [column, f"{column} position"]
    columns += ["Path 1", "Path 2", "Final URL", "Status"]
    rows: list[Row] = [
        {
            "Campaign": campaign,
            "Ad Group": f"{campaign} {place // _ADS_PER_GROUP + 1}",
            "Ad type": "Responsive search ad",
            **_numbered(one, "headlines", "Headline"),
            **_numbered(one, "descriptions", "Description"),
            "Path 1": _text(one, "path1"),
            "Path 2": _text(one, "path2"),
            "Final URL": address,
            "Status": "Paused",
        }
        for place, one in enumerate(variants)
    ]
    return columns, rows


def _google_pmax(
    variants: Sequence[Variant], campaign: str, address: str
) -> tuple[list[str], list[Row]]:
    columns = ["Campaign", "Campaign type", "Asset Group", "Asset Group Status"]
    columns += [f"Headline {n}" for n in range(1, 16)]
    columns += [f"Long headline {n}" for n in range(1, 6)]
    columns += [f"Description {n}" for n in range(1, 6)]
    columns += ["Business name", "Call to action", "Path 1", "Path 2", "Final URL"]
    rows: list[Row] = [
        {
            "Campaign": campaign,
            "Campaign type": "Performance Max",
            "Asset Group": one.id,
            "Asset Group Status": "Paused",
            **_numbered(one, "headlines", "Headline"),
            **_numbered(one, "long_headlines", "Long headline"),
            **_numbered(one, "descriptions", "Description"),
            "Business name": _text(one, "business_name"),
            "Call to action": _text(one, "cta"),
            "Path 1": _text(one, "path1"),
            "Path 2": _text(one, "path2"),
            "Final URL": address,
        }
        for one in variants
    ]
    return columns, rows


def _meta(variants: Sequence[Variant], campaign: str, address: str) -> tuple[list[str], list[Row]]:
    columns = [
        "Campaign Name", "Ad Set Name", "Ad Name", "Ad Status", "Title", "Body", "Link",
        "Display Link", "Link Description", "Image File Name", "Creative Type", "Call to Action",
    ]  # fmt: skip
    host = urlsplit(address).hostname or ""
    rows: list[Row] = []
    for one in variants:
        cta = _text(one, "cta")
        same: Row = {
            "Campaign Name": campaign,
            "Ad Set Name": f"{campaign} {one.platform}",
            "Ad Status": "PAUSED",
            "Link": address,
            "Display Link": host.removeprefix("www."),
            "Creative Type": "Link Page Post Ad",
            "Call to Action": _META_CODES.get(cta, cta.upper().replace(" ", "_")),
        }
        pairs = _pairs(one, ("headlines", "primary_texts", "descriptions"))
        files = list(one.files) or [""]
        for file in files:
            size = _SIZE.search(file)
            name = f"{one.id} {size.group(1)}" if size else one.id
            rows.append(same | _of_pair(pairs[0]) | {"Ad Name": name, "Image File Name": file})
        for number, pair in enumerate(pairs[1:], 2):
            rows.append(
                same
                | _of_pair(pair)
                | {"Ad Name": f"{one.id} text {number}", "Image File Name": files[0]}
            )
    return columns, rows


def _pairs(variant: Variant, fields: Sequence[str]) -> list[tuple[str, ...]]:
    """First texts of the fields beside each other, then the second ones; the shorter field again.

    A field without texts is empty in all of them.
    """
    texts = [_texts(variant, field) or [""] for field in fields]
    longest = max(map(len, texts))
    repeated = [list(itertools.islice(itertools.cycle(one), longest)) for one in texts]
    return list(zip(*repeated, strict=True))


def _of_pair(pair: tuple[str, ...]) -> Row:
    title, body, description = pair
    return {"Title": title, "Body": body, "Link Description": description}


def _form(
    columns: dict[str, str],
) -> Callable[[Sequence[Variant], str, str], tuple[list[str], list[Row]]]:
    """A table with a column for each field of the platform's form; a row for each picture."""

    def made(
        variants: Sequence[Variant], campaign: str, address: str
    ) -> tuple[list[str], list[Row]]:
        rows: list[Row] = []
        for one in variants:
            texts = {column: _text(one, field) for column, field in columns.items() if field}
            for file in list(one.files) or [""]:
                size = _SIZE.search(file)
                rows.append(
                    {
                        **texts,
                        "Campaign name": campaign,
                        "Ad name": f"{one.id} {size.group(1)}" if size else one.id,
                        _address_column(columns): address,
                        "Image": file,
                    }
                )
        return ["Campaign name", "Ad name", *columns, "Image"], rows

    return made


def _address_column(columns: dict[str, str]) -> str:
    return next(column for column, field in columns.items() if not field)


def _plain(variants: Sequence[Variant], campaign: str, address: str) -> tuple[list[str], list[Row]]:
    """For platforms without a table of their own: a column for each text and one for pictures."""
    counts: dict[str, int] = {}
    for one in variants:
        for field in one.fields:
            counts[field] = max(counts.get(field, 1), len(_texts(one, field)))
    columns = ["Campaign", "Variant"]
    for field, count in counts.items():
        columns += [field] if count == 1 else [f"{field} {n}" for n in range(1, count + 1)]
    columns += ["URL", "Pictures"]
    rows = []
    for one in variants:
        row = {"Campaign": campaign, "Variant": one.id, "URL": address}
        for field, count in counts.items():
            row |= {field: _text(one, field)} if count == 1 else _numbered(one, field, field)
        rows.append({**row, "Pictures": " ".join(one.files)})
    return columns, rows


_MAKERS: dict[str, Callable[[Sequence[Variant], str, str], tuple[list[str], list[Row]]]] = {
    "google_search": _google_search,
    "google_pmax": _google_pmax,
    "meta_feed": _meta,
    "meta_story": _meta,
    "linkedin": _form(
        {
            "Introductory text": "introductory_text",
            "Headline": "headline",
            "Description": "description",
            "Call to action": "cta",
            "Destination URL": "",
        }
    ),
    "x": _form(
        {
            "Post text": "post_text",
            "Website title": "headline",
            "Call to action": "cta",
            "Website URL": "",
        }
    ),
    "tiktok": _form(
        {
            "Display name": "display_name",
            "Text": "ad_text",
            "Call to action": "cta",
            "URL": "",
        }
    ),
}
