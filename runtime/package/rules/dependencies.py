"""Rules of requirements.txt and pyproject.toml.

The daemon installs from one of them (setup_python_environment.go); the marketplace judges the
version constraints (checks/dependencies.py of dify-marketplace-toolkit).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from runtime.package.findings import Findings, Source

REQUIREMENTS = "requirements.txt"
PYPROJECT = "pyproject.toml"
LEAST_SDK = Version("0.9.0")

_EXPORT = (
    "uv export --frozen --format requirements.txt --no-group dev --no-emit-project --no-hashes "
    "-o requirements.txt"
)
_LARGE = frozenset(
    [
        "chromadb",
        "faiss-cpu",
        "faiss-gpu",
        "jax",
        "llama-cpp-python",
        "opencv-contrib-python",
        "opencv-python",
        "opencv-python-headless",
        "paddlepaddle",
        "playwright",
        "pyppeteer",
        "selenium",
        "spacy",
        "tensorflow",
        "tensorflow-cpu",
        "torch",
        "torchaudio",
        "torchvision",
        "transformers",
    ]
)
_LOWER = frozenset({">", ">=", "!="})


def check_dependencies(files: Mapping[str, bytes], findings: Findings) -> None:
    """Check what the daemon will install."""
    _presence(files, findings)
    if REQUIREMENTS in files:
        for number, line in _lines(files[REQUIREMENTS]):
            _requirement(line, REQUIREMENTS, f"line {number}", findings)
    if PYPROJECT in files:
        _pyproject(files, findings)


def _presence(files: Mapping[str, bytes], findings: Findings) -> None:
    if REQUIREMENTS in files:
        return
    if PYPROJECT not in files:
        findings.error(
            Source.DAEMON,
            "requirements",
            REQUIREMENTS,
            "",
            f"{REQUIREMENTS} is missing; the daemon installs the plugin's dependencies from it.",
            "Write one with at least dify_plugin in it.",
        )
        return
    findings.error(
        Source.MARKETPLACE,
        "requirements",
        REQUIREMENTS,
        "",
        f"{REQUIREMENTS} is missing, there is only {PYPROJECT}; the marketplace installs with pip "
        "from the former, and a daemon with a package mirror prefers it.",
        f"Run `{_EXPORT}` (`dify plugin package` does that by itself if there is a uv.lock).",
    )


def _lines(data: bytes) -> Iterator[tuple[int, str]]:
    """(number, requirement) without comments, options and continuation marks."""
    joined = ""
    for number, raw in enumerate(data.decode(errors="replace").splitlines(), start=1):
        line = joined + re.sub(r"(^|\s)#.*", "", raw).strip()
        if line.endswith("\\"):
            joined = line[:-1]
            continue
        joined = ""
        line = re.sub(r"\s--hash=\S+", "", line).strip()
        if line:
            yield number, line


def _requirement(line: str, file: str, where: str, findings: Findings) -> None:
    def error(rule: str, problem: str, hint: str = "") -> None:
        findings.error(Source.MARKETPLACE, rule, file, where, f"{file}: {where} {problem}", hint)

    def warning(rule: str, problem: str) -> None:
        findings.warning(Source.MARKETPLACE, rule, file, where, f"{file}: {where} {problem}")

    if "git+" in line or re.search(r"(^|@)\s*(https?|ftp|file)://", line):
        error(
            "dependency-url",
            f"installs from an address ({line}); allowed are released packages only.",
        )
        return
    if line.startswith("-"):
        return
    try:
        requirement = Requirement(line)
    except InvalidRequirement as problem:
        findings.error(
            Source.DAEMON,
            "dependency",
            file,
            where,
            f"{file}: {where} is {line!r}, which is no requirement: "
            f"{str(problem).splitlines()[0].rstrip('.')}.",
            "Write it as name>=1.2,<2.",
        )
        return
    name = canonicalize_name(requirement.name)
    if name in _LARGE:
        warning("dependency-large", f"requires {name}, which is large; reviewers must agree to it.")
    if name == "dify-plugin" and not _recent(requirement.specifier):
        error(
            "sdk-version",
            f"is {line!r}; the marketplace requires dify_plugin of at least {LEAST_SDK}.",
            "Write dify_plugin>=0.10.1,<0.11.",
        )
    operators = {specifier.operator for specifier in requirement.specifier}
    if not operators:
        error(
            "dependency-unbound",
            f"is {line!r}, without a version; the next release could break the plugin.",
            f"Write {requirement.name}>=1.2,<2, with your versions.",
        )
    elif operators <= _LOWER:
        warning("dependency-unbound", f"is {line!r}, without an upper limit.")


def _recent(specifiers: SpecifierSet) -> bool:
    """Whether the lower bound of the SDK is high enough."""
    bounds = []
    for specifier in specifiers:
        if specifier.operator in (">=", "==", "~=", ">", "==="):
            try:
                bounds.append(Version(specifier.version.removesuffix(".*")))
            except InvalidVersion:
                return False
    return bool(bounds) and max(bounds) >= LEAST_SDK


def _pyproject(files: Mapping[str, bytes], findings: Findings) -> None:
    try:
        data: dict[str, Any] = tomllib.loads(files[PYPROJECT].decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        findings.error(
            Source.DAEMON,
            "pyproject",
            PYPROJECT,
            "",
            f"{PYPROJECT} is no valid TOML: {error}.",
            "Correct it, or leave it out: requirements.txt is enough.",
        )
        return
    project = data.get("project")
    project = project if isinstance(project, dict) else {}
    if "build-system" in data:
        findings.warning(
            Source.DAEMON,
            "pyproject-build",
            PYPROJECT,
            "build-system",
            f"{PYPROJECT}: build-system makes the daemon's `uv sync` build the plugin itself, "
            "which fails unless its layout fits.",
            f"Leave {PYPROJECT} out of the package, or set tool.uv.package = false.",
        )
    python = project.get("requires-python")
    if isinstance(python, str):
        try:
            fits = any(Version(f"3.12.{patch}") in SpecifierSet(python) for patch in (0, 12, 99))
        except InvalidSpecifier:
            fits = False
        if not fits:
            findings.error(
                Source.DAEMON,
                "requires-python",
                PYPROJECT,
                "project.requires-python",
                f"{PYPROJECT}: project.requires-python is {python!r}; the daemon installs "
                "on Python 3.12.",
            )
    pinned = files.get(".python-version", b"").decode(errors="replace").strip()
    if pinned and not pinned.startswith("3.12"):
        findings.warning(
            Source.DAEMON,
            "python-version-file",
            ".python-version",
            "",
            f".python-version says {pinned}; with {PYPROJECT} in the package, the daemon's "
            "`uv sync` then replaces its Python 3.12.",
            "Add /.python-version to .difyignore.",
        )
    if REQUIREMENTS not in files:
        listed = project.get("dependencies")
        for number, line in enumerate(listed if isinstance(listed, list) else []):
            _requirement(str(line), PYPROJECT, f"project.dependencies[{number}]", findings)
