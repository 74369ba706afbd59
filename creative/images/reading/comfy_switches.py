"""Switches in a graph of ComfyUI: nodes that hand on one of several inputs, as told by another.

Classes by their inputs, as in ComfyUI's own ComfySwitchNode (comfy_extras/nodes_logic.py: switch,
on_true, on_false), Impact Pack (ImpactSwitch: select, input1 …; ImpactConditionalBranch: cond,
tt_value, ff_value), rgthree (Any Switch: any_01 …, the first that is there), Crystools (boolean,
on_true, on_false), Comfyroll (Input, text1, text2) and Easy Use (index, value0 …).
"""

from __future__ import annotations

import re
from typing import Any

SWITCH = re.compile(r"switch|conditional|if_?else|ternary|\bmux\b", re.IGNORECASE)
_FIRST = re.compile(r"any switch", re.IGNORECASE)
_FLAGS = ("switch", "boolean", "cond", "condition", "boolean_value")
_TWO = (
    ("on_true", "on_false"), ("tt_value", "ff_value"), ("true", "false"), ("if_true", "if_false"),
)  # fmt: skip
_NUMBERS = ("select", "input", "Input", "index", "selected_index")
_NUMBERED = re.compile(r"(?!switch)[A-Za-z_ ]+?_?0*(\d{1,2})")


def branches(kind: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs of a switch from which one is chosen, in the order of their names.

    Empty for a node that is no switch.
    """
    if not SWITCH.search(kind):
        return {}
    for pair in _TWO:
        if any(name in inputs for name in pair):
            return {name: inputs[name] for name in pair if name in inputs}
    found = {name: at for name in inputs if (at := _NUMBERED.fullmatch(name))}
    ordered = sorted(found, key=lambda name: int(found[name][1]))
    return {name: inputs[name] for name in ordered}


def selector(kind: str, inputs: dict[str, Any]) -> str:
    """The input that tells which branch is taken; "" if none is known."""
    numbered = not any(name in inputs for pair in _TWO for name in pair)
    return next((name for name in (_NUMBERS if numbered else _FLAGS) if name in inputs), "")


def chosen(kind: str, inputs: dict[str, Any], told: Any) -> str:
    """The branch that a switch hands on, by name; "" where that is not known.

    Args:
        kind: the node's class.
        inputs: its inputs.
        told: the value of its `selector`; None if it is not known.
    """
    found = branches(kind, inputs)
    if len(found) == 1:  # ComfySwitchNode, too, takes the one that is there
        return next(iter(found))
    if _FIRST.search(kind):
        return next(iter(found), "")
    if isinstance(told, bool):
        return next((pair[not told] for pair in _TWO if pair[not told] in found), "")
    if isinstance(told, int):
        return next((name for name in found if _number(name) == told), "")
    return ""


def _number(name: str) -> int | None:
    numbered = _NUMBERED.fullmatch(name)
    return int(numbered[1]) if numbered else None
