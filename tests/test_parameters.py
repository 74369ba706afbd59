"""Parameters: Dify's cast, and the strict reading of the command line."""

from __future__ import annotations

from typing import Any

import pytest

from runtime.declaration import Parameter, Tool
from runtime.errors import UsageError
from runtime.host.parameters import cast_value, initial_value, prepare

FILE = {"dify_model_identity": "__dify__file__", "url": "http://127.0.0.1:1/a.png"}


# What each row says was read off Dify's cast_parameter_value.
@pytest.mark.parametrize(
    ("kind", "value", "sent"),
    [
        ("string", None, ""),
        ("string", 3, "3"),
        ("string", {"a": 1}, "{'a': 1}"),
        ("select", True, "True"),
        ("secret-input", "x", "x"),
        ("boolean", None, False),
        ("boolean", "YES", True),
        ("boolean", "n", False),
        ("boolean", "FALSE", False),
        ("boolean", "0", False),
        ("boolean", "off", True),
        ("boolean", "", False),
        ("boolean", 2, True),
        ("number", "800", 800),
        ("number", "8.5", 8.5),
        ("number", "", None),
        ("number", None, None),
        ("number", 7.0, 7.0),
        ("files", FILE, [FILE]),
        ("files", [], []),
        ("file", [FILE], FILE),
        ("file", None, None),
        ("array", "[1, 2]", [1, 2]),
        ("array", "{'a': 1}", ["{'a': 1}"]),
        ("array", 3, [3]),
        ("object", '{"a": 1}', {"a": 1}),
        ("object", "{'a': 1}", {}),
        ("object", "[1]", {}),
        ("any", [1], [1]),
        ("model-selector", {"provider": "p"}, {"provider": "p"}),
        ("dynamic-tree-select", [1, "b"], ["1", "b"]),
        ("never-heard-of", 3, "3"),
    ],
)
def test_cast_is_difys(kind: str, value: Any, sent: Any) -> None:
    result = cast_value(kind, value)
    assert result == sent
    assert type(result) is type(sent)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("number", "abc"),
        ("number", "1e3"),
        ("file", [FILE, FILE]),
        ("file", []),
        ("model-selector", "gpt"),
        ("array[tools]", "x"),
        ("any", object()),
    ],
)
def test_cast_raises_where_dify_raises(kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        cast_value(kind, value)


def test_initial_value_fills_checks_and_casts() -> None:
    number = Parameter(name="n", type="number", form="form", default=9)
    assert initial_value(number, None) == 9
    assert initial_value(number, 0) == 0
    needed = Parameter(name="k", type="string", required=True)
    with pytest.raises(ValueError, match="k not found in tool config"):
        initial_value(needed, "")
    choice = Parameter(name="c", type="select", options=[{"value": "a"}, {"value": "b"}])
    assert initial_value(choice, "b") == "b"
    with pytest.raises(ValueError, match="not in options"):
        initial_value(choice, "z")
    several = Parameter(name="c", type="select", multiple=True, options=[{"value": "1"}])
    assert initial_value(several, 1) == ["1"]


TOOL = Tool.model_validate(
    {
        "identity": {"name": "shoot"},
        "parameters": [
            {"name": "url", "type": "string", "required": True},
            {"name": "width", "type": "number", "default": 1280, "min": 16, "max": 4096},
            {"name": "scale", "type": "number"},
            {"name": "full_page", "type": "boolean", "default": False},
            {"name": "format", "type": "select", "options": [{"value": "png"}, {"value": "pdf"}]},
            {"name": "headers", "type": "object"},
            {"name": "tags", "type": "array"},
            {"name": "image", "type": "file"},
            {"name": "images", "type": "files"},
            {"name": "note", "type": "string", "default": ""},
        ],
    }
)


def test_prepare_casts_text_and_fills_defaults() -> None:
    assert prepare(
        TOOL,
        {
            "url": "https://example.com",
            "scale": "1.5",
            "full_page": "yes",
            "format": "pdf",
            "headers": '{"a": "b"}',
            "tags": "[1]",
            "image": FILE,
            "images": [FILE],
        },
    ) == {
        "url": "https://example.com",
        "width": 1280,
        "scale": 1.5,
        "full_page": True,
        "format": "pdf",
        "headers": {"a": "b"},
        "tags": [1],
        "image": FILE,
        "images": [FILE],
    }


def test_prepare_keeps_values_of_their_type_and_empty_ones() -> None:
    prepared = prepare(TOOL, {"url": "u", "width": 20, "headers": {}, "scale": "", "note": None})
    assert prepared["width"] == 20
    assert prepared["headers"] == {}
    assert prepared["scale"] is None
    assert "note" not in prepared


@pytest.mark.parametrize(
    ("given", "says", "hints"),
    [
        ({"url": "u", "widht": "3"}, "no parameter 'widht'", "Did you mean width? "),
        ({}, "needs parameter url", "Add url=…"),
        ({"url": "  "}, "needs parameter url", "Add url=…"),
        ({"url": "u", "width": "abc"}, "width must be a number; got 'abc'", "width"),
        ({"url": "u", "width": True}, "width must be a number", "width"),
        ({"url": "u", "width": float("nan")}, "width must be a number", "width"),
        ({"url": "u", "width": "3"}, "width must be 16 or more; got '3'", "width"),
        ({"url": "u", "width": 5000}, "width must be 4096 or less", "width"),
        ({"url": "u", "full_page": "maybe"}, "full_page must be true or false", "full_page"),
        ({"url": "u", "format": "gif"}, "format must be one of png, pdf", "format"),
        ({"url": "u", "headers": "a: b"}, "headers must be a JSON object", '{"key": "value"}'),
        ({"url": "u", "tags": "{}"}, "tags must be a JSON array", "tags"),
        ({"url": "u", "image": "a.png"}, "image must be a file", "image=@PATH"),
        ({"url": "u", "images": [{"url": "x"}]}, "images must be a file", "images=@PATH"),
        ({"url": ["u"]}, "url must be text", "url"),
    ],
)
def test_prepare_refuses(given: dict[str, Any], says: str, hints: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare(TOOL, given)
    assert says in caught.value.message
    assert "shoot" in caught.value.message
    assert hints in caught.value.hint


def test_prepare_names_all_parameters_when_one_is_unknown() -> None:
    with pytest.raises(UsageError) as caught:
        prepare(TOOL, {"zzz": 1})
    assert "url, width, scale" in caught.value.hint
    assert "Did you mean" not in caught.value.hint
