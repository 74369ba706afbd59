"""The page that `studio demo` writes."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

_STYLE = """
body{margin:0;font:16px/1.5 system-ui,sans-serif;color:#1f2a44;background:#f5f6fa}
main{max-width:1100px;margin:auto;padding:32px 20px}
h1{margin:0 0 4px}p{margin:0 0 20px;color:#5a6478}
img{width:100%;border-radius:12px;box-shadow:0 6px 24px #1f2a4422}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(250px,1fr));gap:14px;margin-top:24px}
article{background:#fff;border-radius:12px;padding:14px 16px;box-shadow:0 2px 8px #1f2a4412}
h2{font-size:22px;margin:36px 0 4px}
h3{font-size:17px;margin:0 0 6px}h4{font-size:13px;margin:10px 0 2px;color:#5a6478}
small{color:#8a93a6;font-weight:400}
.ad{background:#fff;border-radius:12px;padding:14px 16px;margin-top:14px}
.ad{box-shadow:0 2px 8px #1f2a4412}
.ad>div{display:flex;gap:12px;align-items:flex-start}
.ad div div{display:flex;flex-wrap:wrap;gap:12px;align-items:flex-start}
.ad img{width:auto;max-width:100%;border-radius:0;box-shadow:none;border:1px solid #1f2a441a}
ul{margin:0;padding-left:18px;font-size:14px}a{color:#d9481c}
details{margin-top:24px}pre{white-space:pre-wrap;background:#fff;border-radius:12px;padding:16px}
"""


def page(
    pictured: bool,
    clusters: list[dict[str, Any]],
    report: str,
    ads: Mapping[str, Any],
    folder: str,
) -> str:
    """The page as HTML.

    Args:
        pictured: whether there is a screenshot beside it.
        clusters: of the node cluster_keywords.
        report: the workflow's own; may be empty.
        ads: the outputs of the node ad_variants.
        folder: where their files are, beside the page.
    """
    picture = (
        '<img src="screenshot.png" alt="Screenshot of the demo\'s landing page">'
        if pictured
        else "<p>No screenshot: there was no Chromium. Install one and run the demo again.</p>"
    )
    made_by = (
        "a Dify workflow on Dify's own engine (screenshot and keywords) and a third node (ads)"
        if pictured
        else "two nodes of this plugin (keywords and ads)"
    )
    cards = "\n".join(_card(cluster) for cluster in clusters)
    text = (
        f"<details><summary>The workflow's own report</summary><pre>{html.escape(report)}</pre>"
        "</details>"
        if report
        else ""
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width"><title>Creative Studio demo</title>'
        f"<style>{_STYLE}</style><main><h1>Creative Studio demo</h1>"
        f"<p>Made by {made_by}, without a Dify server, a language model or a key.</p>"
        f"{picture}{_ads(ads, folder)}<h2>Keywords</h2>"
        f"<p>A list in {len(clusters)} clusters, each named by what is in it; also as "
        f'<a href="clusters.csv">clusters.csv</a>.</p>'
        f'<div class="grid">{cards}</div>{text}</main></html>\n'
    )


def _ads(ads: Mapping[str, Any], folder: str) -> str:
    shown = [variant for variant in ads["variants"] if variant["files"]]
    words = [variant for variant in ads["variants"] if not variant["files"]]
    tables = ", ".join(
        f'<a href="{quote(folder)}/{quote(name)}">{html.escape(name)}</a>'
        for name in ads["csv_files"]
    )
    return (
        f"<h2>Ads</h2><p>{ads['count']} variants by the built-in writer, from the page's own words "
        f"and colours; ready to upload with {tables}. A score goes from 0 to 1.</p>"
        + "".join(_pictures(variant, folder) for variant in shown)
        + f'<div class="grid">{"".join(map(_texts, words))}</div>'
    )


def _pictures(variant: Mapping[str, Any], folder: str) -> str:
    def shown(names: Iterable[str]) -> str:
        return "".join(
            f'<img src="{quote(folder)}/{quote(name)}" alt="{html.escape(name)}">' for name in names
        )

    tall = [name for name in variant["files"] if _is_tall(name)]
    others = [name for name in variant["files"] if name not in tall]
    return (
        f'<section class="ad"><h3>{_title(variant)}</h3><div>{shown(tall)}'
        f"<div>{shown(others)}</div></div></section>"
    )


def _is_tall(name: str) -> bool:
    """Whether a picture is much higher than wide, by the size in its name."""
    size = re.search(r"(\d+)x(\d+)\.\w+$", name)
    return size is not None and int(size[2]) > 2 * int(size[1])


def _texts(variant: Mapping[str, Any]) -> str:
    fields = "".join(
        f"<h4>{html.escape(name)}</h4><ul>{items}</ul>"
        for name, texts in variant["fields"].items()
        if (items := _items([texts] if isinstance(texts, str) else texts))
    )
    return f"<article><h3>{_title(variant)}</h3>{fields}</article>"


def _items(texts: Iterable[str]) -> str:
    return "".join(f"<li>{html.escape(text)}</li>" for text in texts if text)


def _title(variant: Mapping[str, Any]) -> str:
    return f"{html.escape(variant['id'])} <small>score {variant['score']:.2f}</small>"


def _card(cluster: dict[str, Any]) -> str:
    shown = cluster["keywords"][:8]
    items = _items(entry["keyword"] for entry in shown)
    more = cluster["size"] - len(shown)
    rest = f"<li>and {more} more</li>" if more > 0 else ""
    return (
        f"<article><h3>{html.escape(cluster['name'])} <small>{cluster['size']}</small></h3>"
        f"<ul>{items}{rest}</ul></article>"
    )
