"""JSON out of what models write: a table of broken answers, cut ones, and nonsense."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from creative import loose_json
from creative.deadline import Deadline
from creative.errors import DeadlineExceeded
from creative.loose_json import objects, without_thinking


class Post(BaseModel):
    title: str
    tags: list[str]
    words: int | None = 0


def post(*tags: str, title: str = "Tea", words: int | None = 0) -> dict[str, Any]:
    return {"title": title, "tags": list(tags or ("a", "b")), "words": words}


TEA = post()
GOOD = '{"title": "Tea", "tags": ["a", "b"]}'
# What json-repair alone does with these is in the column of the note of issue 8: 55 of 71 right.
BROKEN: list[tuple[str, dict[str, Any]]] = [
    (GOOD, TEA),
    (f"```json\n{GOOD}\n```", TEA),
    (f"```json\n{GOOD}", TEA),
    (f"Sure, here you go: {GOOD}. Anything else?", TEA),
    (f"I used [1] and {{some}} ideas. {GOOD} (see [2])", TEA),
    (f'<think>{{"title": "No", "tags": []}}</think>{GOOD}', TEA),
    (f'hm {{"title": "No", "tags": ["x", "y", "z"]}}</think>{GOOD}', TEA),
    ('{"title": "Tea", "tags": ["a", "b",],}', TEA),
    ('{"title": "Tea", "tags": ["a", "b",,],}', TEA),
    ('{"title": "Tea"\n "tags": ["a", "b"]}', TEA),
    ('{"title": "Tea", "tags": ["a" "b"]}', TEA),
    ('{"title": "Tea", "tags": [\n"a"\n"b"\n]}', TEA),
    ("{'title': 'Tea', 'tags': ['a', 'b']}", TEA),
    ("{'title': 'Tom's tea', 'tags': ['a']}", post("a", title="Tom's tea")),
    ("{'title': 'Tom\\'s tea', 'tags': ['a']}", post("a", title="Tom's tea")),
    ('{"title": "Tom\\\'s tea", "tags": ["a"]}', post("a", title="Tom's tea")),
    ("{“title”: “Tea”, “tags”: [“a”, “b”]}", TEA),
    ('{"title": "“Tea”", "tags": ["a",]}', post("a", title="“Tea”")),
    ('{title: "Tea", tags: ["a", "b"]}', TEA),
    ("{title: Tea, tags: [a, b]}", TEA),
    ('{"title": "Tea", // the title\'s {\n "tags": ["a", "b"]}', TEA),
    ('{"title": "Tea", /* tags follow */ "tags": ["a", "b"]}', TEA),
    ('{"title": "Tea", # the title\n "tags": ["a", "b"]}', TEA),
    ('{"title": "see http://x.org/a", "tags": ["a",],}', post("a", title="see http://x.org/a")),
    ('{"title": "C# is #1", "tags": ["a",],}', post("a", title="C# is #1")),
    ('{"title": "None, True", "tags": ["False",], "words": None}',
     post("False", title="None, True", words=None)),
    ('{"title": "Tea", "tags": ["a", "b"], "words": NaN}', post(words=None)),
    ('{"title": "Tea", "tags": ["a", "b"], "words": undefined}', post(words=None)),
    ('{"title": "Tea\nand\tcake", "tags": ["a"]}', post("a", title="Tea\nand\tcake")),
    ('{"title": "Say "tea" now", "tags": ["a"]}', post("a", title='Say "tea" now')),
    ('{"title": "Say "tea", then go", "tags": ["a"]}', post("a", title='Say "tea", then go')),
    ('{"title": "C:\\Tea \\d+", "tags": ["a"]}', post("a", title="C:\\Tea \\d+")),
    ('{"title": "\\u8336 \\ud83c\\udf75", "tags": ["a",]}', post("a", title="茶 🍵")),
    ('{"title"："Tea"，"tags"：["a"，"b"]}', TEA),
    ('{"title" = "Tea", "tags" => ["a", "b"]}', TEA),
    ('{"title": "Tea"; "tags": ["a", "b"]}', TEA),
    (f"\ufeff{GOOD}", TEA),
    (f"{GOOD}{GOOD}", TEA),
    (f'Shape: {{"title": "", "tags": [""]}}\nAnswer: {GOOD}', TEA),
    (f'Shape: {{"title": <title>, "tags": [...]}}\nAnswer: {GOOD}', TEA),
    (f"[{GOOD}]", TEA),
    (json.dumps(GOOD), TEA),
    (f"{{{GOOD}}}", TEA),
    (f"{GOOD}}}", TEA),
    (GOOD.removesuffix("}"), TEA),
    ('{"title": "Tea", "tags": ["a", "b"}}', TEA),
    ('{"title": Tea", "tags": ["a", "b"]}', TEA),
    ('{"title": "Tea, "tags": ["a", "b"]}', TEA),
    ('{"title": "Tea", "tags": ["a", "b", ...]}', TEA),
    ('{"title": "Tea", "tags": ["a", "b"], "words": +12}', post(words=12)),
    ('{"title": """Tea""", "tags": ["a", "b"]}', TEA),
    ('{"title": `Tea`, "tags": ["a", "b"]}', TEA),
    ('{"title": "Te" + "a", "tags": ["a", "b"]}', TEA),
    (f"answer({GOOD});", TEA),
    (f"<json>{GOOD}</json>", TEA),
]  # fmt: skip

REFUSED = [
    "",
    "{}",
    "I am sorry, I cannot help with that.",
    "I cannot {help} with [that].",
    "title: Tea\ntags:\n- a\n- b",
    "<html><body>502 Bad Gateway</body></html>",
    '<tool_call>{"name": "delete", "arguments": {"id": 1}}</tool_call>',
    '{"properties": {"title": {"type": "string"}}, "required": ["title", "tags"]}',
    '{"title": ["Tea"], "tags": "a"}',
    '{"title": "Tea", "tags": ["a", "b"], "words": 1,200}',
    # Cut off: nobody knows how these would have gone on.
    '{"title": "Tea", "tags": ["a", "b"',
    '{"title": "Tea", "tags": ["a", "bee',
    '{"tags": ["a", "b"], "title": "Tea for th',
    '{"title": "Tea", "tags": ["a", "b"], "words":',
    '{"title": "Tea", "tags": ["a", "b"], "words": 12',
]


def read(text: str, **options: bool) -> dict[str, Any] | None:
    """The first object that is a post, as `ask` reads it."""
    for value in objects(text, Deadline(60), **options):
        opened = value[0] if isinstance(value, list) and len(value) == 1 else value
        try:
            return Post.model_validate(opened).model_dump()
        except ValidationError:
            continue
    return None


@pytest.mark.parametrize(("text", "wanted"), BROKEN)
def test_a_broken_answer_is_read_as_it_was_meant(text: str, wanted: dict[str, Any]) -> None:
    assert read(text) == wanted


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_answer_is_not_made_one(text: str) -> None:
    assert read(text) is None


def test_a_bracket_that_is_missing_after_a_cut_was_not_forgotten() -> None:
    assert read(GOOD.removesuffix("}"), cut=True) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": True, "b": None, "c": "None, True"}', {"a": True, "b": None, "c": "None, True"}),
        ("""{'a': 'say "hi"', 'b': 'it\\'s'}""", {"a": 'say "hi"', "b": "it's"}),
        ('{"a": ",]", "b": [1,],}', {"a": ",]", "b": [1]}),
        ('{"a": "\\u00e9 \\"x\\"",}', {"a": 'é "x"'}),
        ('{"a": "x } ] {", "b": [1,],}', {"a": "x } ] {", "b": [1]}),
    ],
)
def test_repairs_do_not_change_what_is_said(text: str, value: Any) -> None:
    assert next(objects(text, Deadline(60))) == value


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ('{"g": [{"id": 1}, {"id": 2}, {"id": 3, "na', {"g": [{"id": 1}, {"id": 2}]}),
        ('{"g": [{"id": 1,}, {"id": 2}, {"id": 3', {"g": [{"id": 1}, {"id": 2}]}),
        ('{"g": [{"id": 1, "n": "}]"}, {"id"', {"g": [{"id": 1, "n": "}]"}]}),
        ('{"g": [{"id": 1', {}),
    ],
)
def test_what_was_cut_off_counts_only_where_a_part_will_do(text: str, part: Any) -> None:
    assert not any("g" in value for value in objects(text, Deadline(60)))
    found = objects(text, Deadline(60), partial=True, cut=True)
    assert next((value for value in found if "g" in value), {}) == part


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<think>a</think>b", "b"),
        ("a</think>b", "b"),
        ("x<THINK>a</THINK>b<reasoning>c</reasoning>d", "xbd"),
        ("<think>a<think>b</think>c", "c"),
        ("<think>it never ends", "<think>it never ends"),
    ],
)
def test_thoughts_are_left_out(text: str, left: str) -> None:
    assert without_thinking(text) == left


@pytest.mark.parametrize(
    "said",
    ["{}", "```json\n{}\n```", "Here: {}", "<think>No </think> {}", "so?</think>\n{}\nFine?"],
)
def test_tags_of_thoughts_in_an_answers_strings_stay(said: str) -> None:
    """An article about models must not make every answer about it useless."""
    told = {"title": "What <think> and </think> are for, and why </reasoning> matters to us all"}
    assert next(objects(said.replace("{}", json.dumps(told)), Deadline(60))) == told


def test_an_object_among_the_thoughts_is_no_answer() -> None:
    right = {"title": "right"}
    for thoughts in (
        '{"title": "wrong, and longer than the other"} hm</think>',
        "<think>{}</think>",
    ):
        assert next(objects(thoughts + json.dumps(right), Deadline(60))) == right


N = 400_000
NONSENSE = {
    "brackets": "[" * N,
    "brackets that close": "[" * (N // 2) + "]" * (N // 2),
    "objects": '{"a":' * (N // 5),
    "mixed": "{[}" * (N // 3),
    "strings": '{"a": "' * (N // 7),
    "quotes": '["' + '"' * N,
    "comments": '{"a"' + "/*" * (N // 2),
    "thoughts": "<think>" * (N // 7) + "</thought>",
    "spaces": '["a"' + " " * N + "x]",
    "deep": '{"a":[' * 100 + '{"b":1},' * (N // 8),
    "pairs": '{"a": [' + "[]" * (N // 2),
    "words": "{a:" + "abc " * (N // 4) + "}",
}


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_takes_no_time(kind: str) -> None:
    began, own = time.monotonic(), time.process_time()
    list(objects(NONSENSE[kind], Deadline(60), partial=True))
    # A second or two; what is not linear takes hours.
    assert time.monotonic() - began < 60
    # A plugin's process serves other calls meanwhile: what takes long is a child's work.
    assert time.process_time() - own < 1


def test_a_long_answer_in_prose_needs_no_other_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_json, "_repairs", None)
    value = {"items": [{"title": f"Tea {n}"} for n in range(2000)]}
    text = f"Here it is:\n```json\n{json.dumps(value)}\n```"
    assert len(text) > loose_json.MAX_HERE
    assert next(objects(text, Deadline(60))) == value


def test_a_long_broken_answer_is_read_by_the_child() -> None:
    items = ", ".join(f"{{'title': 'Tea {n}'}}" for n in range(500))
    assert len(items) > loose_json.MAX_HERE
    [found, *_] = objects(f"Notes [1]: {{'items': [{items}]}}", Deadline(60))
    assert len(found["items"]) == 500


HARD = '["' + 'a", b"' * 60_000 + '"]'
"""json-repair needs minutes for it; a second for a tenth."""


def test_a_repair_that_takes_too_long_is_given_up() -> None:
    began = time.monotonic()
    assert loose_json._called("repair", HARD, Deadline(60), 0.5) == (None, 0.5)
    assert time.monotonic() - began < 30
    value, _ = loose_json._called("repair", '{"a": 1,}', Deadline(60), 60)  # with a new process
    assert value == {"a": 1}


def test_all_repairs_of_an_answer_share_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loose_json, "REPAIR_SECONDS", 0.0)
    assert read(GOOD) == TEA
    assert read("{'title': 'Tea', 'tags': ['a', 'b']}") is None


def test_the_start_of_the_process_takes_nothing_of_the_time_for_repairs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a slow machine each repair became a second question, which was paid for."""
    slow = tmp_path / "slow-python"
    slow.write_text(f'#!/bin/sh\nsleep 2.5\nexec {sys.executable} "$@"\n')
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    monkeypatch.setattr(loose_json, "REPAIR_SECONDS", 2.0)
    loose_json._repairs.stop()
    assert read("{'title': 'Tea', 'tags': ['a', 'b']}") == TEA


def test_the_calls_own_clock_ends_a_repair() -> None:
    with pytest.raises(DeadlineExceeded):
        loose_json._called("repair", HARD, Deadline(0.3), 20)


_json = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=5), _json, min_size=1), st.text("ab .\n!", max_size=9))
@settings(max_examples=200, deadline=None)
def test_whole_json_in_prose_comes_back_unchanged(value: Any, prose: str) -> None:
    text = f"{prose}{json.dumps(value, ensure_ascii=False)}{prose}"
    assert next(objects(text, Deadline(60))) == value


@given(st.text("{}[]\"'`:,ab1 \\/#“”\n=", max_size=60), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_text_is_read_without_a_fault(text: str, partial: bool) -> None:
    for value in objects(text, Deadline(60), partial):
        assert isinstance(value, dict | list)
