"""Every rule of a package, broken once."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.package import verify
from tests.package_cases import CASES
from tests.package_changes import ECHO_PY, MANIFEST, Case, put
from tests.plugins import write_plugin


def test_the_small_plugin_keeps_every_rule(tmp_path: Path) -> None:
    report = verify(write_plugin(tmp_path))
    assert report.findings == ()
    assert report.accepted_by_dify
    assert report.ready_for_marketplace


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_rule_is_found(case: Case, tmp_path: Path) -> None:
    report = verify(write_plugin(tmp_path, case.changes))
    found = [
        (f.severity, f.source, f.rule, f.file, f.field)
        for f in report.findings
        if (f.rule, f.file, f.field) == (case.rule, case.file, case.field)
    ]
    assert found == [(case.severity, case.source, case.rule, case.file, case.field)]
    message = next(f.message for f in report.findings if f.rule == case.rule)
    assert message.endswith(".")
    assert case.file in message or case.file.rstrip("/") in message or not case.file


def test_an_error_of_the_marketplace_alone_does_not_stop_dify(tmp_path: Path) -> None:
    report = verify(write_plugin(tmp_path, {"PRIVACY.md": None}))
    assert report.accepted_by_dify
    assert not report.ready_for_marketplace


def test_an_error_of_the_sdk_does(tmp_path: Path) -> None:
    report = verify(write_plugin(tmp_path, {MANIFEST: put("version", "0.0.1-foo")}))
    assert not report.accepted_by_dify


def test_everything_wrong_is_reported_at_once(tmp_path: Path) -> None:
    def change(data: dict[str, object]) -> None:
        data.update(author="Acme", version="1", type="thing")

    report = verify(write_plugin(tmp_path, {MANIFEST: change, ECHO_PY: None}))
    assert {f.rule for f in report.errors} >= {"author", "version", "type", "source-missing"}


@pytest.mark.parametrize(
    "source",
    [
        "import dify_plugin\nclass T(dify_plugin.Tool):\n    def _invoke(self, p): yield\n",
        "from dify_plugin.interfaces.tool import Tool as Base\n"
        "class T(Base):\n    def _invoke(self, p): yield\n",
        "import tools.base as base\nfrom dify_plugin import Tool\n"
        "class T(Tool):\n    def _invoke(self, p): yield\n",
        "from elsewhere import SomeTool\nclass T(SomeTool):\n    pass\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tools.base import Base\n"
        "from dify_plugin import Tool\nclass T(Tool):\n    def _invoke(self, p): yield\n",
    ],
    ids=["module", "alias", "module-import", "unknown-base", "type-checking"],
)
def test_a_tool_class_is_recognised(source: str, tmp_path: Path) -> None:
    base = "from dify_plugin import Tool\nclass Base(Tool):\n    pass\n"
    report = verify(write_plugin(tmp_path, {ECHO_PY: source, "tools/base.py": base}))
    assert report.errors == ()


def test_a_class_of_the_package_that_inherits_its_method_is_fine(tmp_path: Path) -> None:
    base = "from dify_plugin import Tool\nclass Base(Tool):\n    def _invoke(self, p): yield\n"
    source = "import tools.base\nfrom tools.base import Base as _B\ndel _B\n"
    report = verify(write_plugin(tmp_path, {ECHO_PY: source, "tools/base.py": base}))
    assert "method-missing" not in {f.rule for f in report.findings}


@pytest.mark.parametrize(
    ("source", "rules"),
    [
        ("from tools.base import *\n", []),
        ("from .base import *\nclass Two(Base):\n    pass\n", ["class-several"]),
        ("from tools.base import Tool\nclass T(Tool):\n    pass\n", ["method-missing"]),
        ("from dify_plugin import *\nclass T(Tool):\n    pass\n", ["method-missing"]),
        ("from dify_plugin import Plugin\nclass T:\n    pass\n", ["class-missing"]),
    ],
)
def test_imported_names_count(source: str, rules: list[str], tmp_path: Path) -> None:
    base = "from dify_plugin import Tool\nclass Base(Tool):\n    def _invoke(self, p): yield\n"
    report = verify(write_plugin(tmp_path, {ECHO_PY: source, "tools/base.py": base}))
    assert [f.rule for f in report.errors] == rules


def test_too_many_files(tmp_path: Path) -> None:
    folder = write_plugin(tmp_path)
    (folder / "many").mkdir()
    for number in range(5000):
        (folder / f"many/{number}").touch()
    assert [f.rule for f in verify(folder).errors] == ["file-count"]


def test_loose_booleans_of_both_readers(tmp_path: Path) -> None:
    changes = {"tools/echo.yaml": put("parameters.0.required", "y")}
    assert verify(write_plugin(tmp_path, changes)).findings == ()


def test_a_message_lists_what_is_allowed(tmp_path: Path) -> None:
    changes = {"tools/echo.yaml": put("parameters.0.form", "llms")}
    (finding,) = verify(write_plugin(tmp_path, changes)).findings
    assert finding.message == (
        "tools/echo.yaml: parameters[0].form is 'llms'; allowed is one of schema, form, llm."
    )


def test_yaml_that_refers_to_itself_ends(tmp_path: Path) -> None:
    loop = "identity: &a {name: *a}\nextra: &b [*b, *b]\n"
    report = verify(write_plugin(tmp_path, {"tools/echo.yaml": loop}))
    assert "wrong-type" in {f.rule for f in report.errors if f.file == "tools/echo.yaml"}


def test_a_plain_word_that_daemon_and_sdk_read_differently(tmp_path: Path) -> None:
    text = (write_plugin(tmp_path / "a") / "tools/echo.yaml").read_text()
    changed = text.replace("value: loud", "value: on")
    report = verify(write_plugin(tmp_path / "b", {"tools/echo.yaml": changed}))
    assert [(f.rule, f.field) for f in report.findings] == [
        ("option-word", "parameters[2].options[1].value")
    ]


@pytest.mark.parametrize("date", ["2026-01-31", "2026-01-31T12:00:00Z", "2026-01-31 12:00:00"])
def test_plain_dates_that_the_daemon_reads(date: str, tmp_path: Path) -> None:
    text = (write_plugin(tmp_path / "a") / MANIFEST).read_text()
    changed = text.replace("'2026-01-31T12:00:00Z'", date)
    assert changed != text
    assert verify(write_plugin(tmp_path / "b", {MANIFEST: changed})).findings == ()


@pytest.mark.parametrize("date", ["'2026-01-31'", "2026-01-31 12:00:00 +1", "2026-02-30"])
def test_dates_that_the_daemon_refuses(date: str, tmp_path: Path) -> None:
    text = (write_plugin(tmp_path / "a") / MANIFEST).read_text()
    changed = text.replace("'2026-01-31T12:00:00Z'", date)
    report = verify(write_plugin(tmp_path / "b", {MANIFEST: changed}))
    assert [f.source for f in report.errors if f.field in ("created_at", "")] == ["daemon"]
