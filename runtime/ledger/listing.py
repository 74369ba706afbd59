"""Runs and statistics as text for people."""

from __future__ import annotations

import datetime
import json
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from creative.errors import shorten
from runtime.values import size_text

SHORT_ID = 8
_SIGNS = {
    "succeeded": "✓",
    "partial-succeeded": "✓",
    "failed": "✗",
    "stopped": "■",
    "cut off": "✂",
    "running": "•",
}


def runs_text(found: Sequence[Mapping[str, Any]], *, chosen: bool = False) -> str:
    """A line per run; `chosen` if not all runs were asked for."""
    if not found:
        make = "`studio run` and `studio workflow run` make some."
        return "No such runs." if chosen else f"No runs. {make}"
    rows = [("ID", "STARTED", "WHAT", "STATUS", "TIME", "COST", "FILES", "")]
    for run in found:
        error = run["error"]
        rows.append(
            (
                run["id"][:SHORT_ID],
                _when(run["started"]),
                shorten(run["name"], 40),
                _status(run["status"]),
                _seconds(run["seconds"]),
                _money({run["currency"]: run["cost"]} if run["cost"] is not None else {}),
                str(run["files"] or ""),
                shorten(error["message"], 60) if error and run["status"] == "failed" else "",
            )
        )
    return _table(rows)


def run_text(run: Mapping[str, Any]) -> str:
    """Everything about one run."""
    lines = [f"{run['id']}  {run['name']}  {_status(run['status'])}"]
    facts = {
        "kind": run["kind"],
        "plugin": run["plugin"],
        "by": run["user"],
        "started": _when(run["started"]),
        "took": _seconds(run["seconds"]),
        "tokens": str(run["tokens"] or ""),
        "cost": _money(_costs(run)),
    }
    lines += [f"  {name:9}{value}" for name, value in facts.items() if value]
    if run["error"]:
        lines.append(f"  error    {run['error']['type']}: {run['error']['message']}")
        if run["error"]["hint"]:
            lines.append(f"           {run['error']['hint']}")
    lines += _section("Parameters", [_named(*item) for item in run["parameters"].items()])
    lines += _section("Steps", _steps(run["steps"]))
    lines += _section(
        "Models",
        [
            f"  {use['kind']} {use['model']}: {use['tokens_in']} + {use['tokens_out']} tokens"
            + (f", {_money({use['currency']: use['price']})}" if use["price"] is not None else "")
            for use in run["usages"]
        ],
    )
    lines += _section("Files", [_file(file) for file in run["files"]])
    lines += _section("Feedback", [f"  {opinion_text(one)}" for one in run["feedback"]])
    lines += _section("Text", [f"  {line}" for line in run["text"].splitlines()[:40]])
    lines += _section("Outputs", [_named(*item) for item in run["outputs"].items()])
    return "\n".join(lines)


def opinion_text(opinion: Mapping[str, Any]) -> str:
    """What somebody thought of a variant, in a line."""
    stars = "" if opinion["rating"] is None else f"{opinion['rating']} of 5"
    parts = (opinion["verdict"], stars, shorten(opinion["note"], 200))
    return f"{opinion['variant']}: {', '.join(part for part in parts if part)}"


def stats_text(found: Mapping[str, Any], *, chosen: bool = False) -> str:
    """Tables of tools and models; `chosen` if not all runs were asked for."""
    if not found["runs"]:
        return runs_text((), chosen=chosen)
    tools = [("WHAT", "RUNS", "SUCCESS", "AVERAGE", "P95", "TOKENS", "COST", "")]
    for tool in found["tools"]:
        rate = tool["success_rate"]
        others = [
            f"{tool[name]} {name.replace('_', ' ')}"
            for name in ("failed", "stopped", "cut_off", "running")
            if tool[name]
        ]
        tools.append(
            (
                shorten(tool["name"], 40),
                str(tool["runs"]),
                "" if rate is None else f"{100 * rate:.1f} %",
                _seconds(tool["average_seconds"]),
                _seconds(tool["p95_seconds"]),
                str(tool["tokens"] or ""),
                _money(tool["costs"]),
                ", ".join(others),
            )
        )
    text = _table(tools)
    if found["models"]:
        models = [("MODEL", "KIND", "CALLS", "TOKENS IN", "TOKENS OUT", "COST")]
        models += [
            (
                shorten(model["model"], 40),
                model["kind"],
                str(model["calls"]),
                str(model["tokens_in"]),
                str(model["tokens_out"]),
                _money(model["costs"]),
            )
            for model in found["models"]
        ]
        text += "\n\n" + _table(models)
    return text


def _steps(steps: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = []
    for number, step in enumerate(steps, 1):
        inside = "    " if step["node"] and step["node"] != step["label"] else "  "
        phase = f"{step['phase']:8} " if step["phase"] else ""
        cost = f"  {_money({step['currency']: step['cost']})}" if step["cost"] is not None else ""
        sign = _SIGNS.get(step["status"], "?")
        taken = _seconds(step["seconds"])
        who = f"  [{step['function']}]" if step["function"] else ""
        label = shorten(step["label"], 100)
        lines.append(f"{inside}{sign} {number:>2} {taken:>8}  {phase}{label}{who}{cost}")
        if step["message"]:
            lines.append(f"{inside}{'':12}{shorten(step['message'], 200)}")
    return lines


def _costs(run: Mapping[str, Any]) -> dict[str, float]:
    """What a run cost, by currency: of several there is no sum, only what its steps say."""
    if run["cost"] is not None:
        return {run["currency"]: run["cost"]}
    costs: dict[str, float] = {}
    for step in run["steps"]:
        if step["cost"] is not None:
            costs[step["currency"]] = costs.get(step["currency"], 0.0) + step["cost"]
    return costs


def _file(file: Mapping[str, Any]) -> str:
    if file["direction"] == "in":
        where = "given"
    elif file["copy"]:
        where = file["copy"]
    elif file["removed"]:
        where = f"removed {_when(file['removed'])} (STUDIO_KEEP_MB)"
    else:
        where = "no copy here"
    return f"  {file['path'] or file['filename']}  ({size_text(file['size'])})  {where}"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", title, *lines] if lines else []


def _named(name: str, value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"  {name} = {shorten(shown, 300)}"


def _status(found: str) -> str:
    return f"{_SIGNS.get(found, '?')} {found}"


def _when(moment: str) -> str:
    return datetime.datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S")


def _seconds(value: float | None) -> str:
    if value is None:
        return ""
    if value < 1:
        return f"{1000 * value:.0f} ms"
    return f"{value:.1f} s" if value < 100 else f"{int(value // 60)} min {value % 60:.0f} s"


def _money(costs: Mapping[str, float]) -> str:
    return ", ".join(f"{amount:.4f} {currency}" for currency, amount in costs.items())


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    """Columns as wide as their widest cell; without those that are empty."""
    used = [n for n in range(len(rows[0])) if any(row[n] for row in rows[1:])]
    widths = {n: max(_width(row[n]) for row in rows) for n in used}
    return "\n".join(
        "  ".join(row[n] + " " * (widths[n] - _width(row[n])) for n in used).rstrip()
        for row in rows
    )


def _width(text: str) -> int:
    """Columns of a terminal."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
