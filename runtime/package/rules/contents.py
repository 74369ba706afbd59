"""Rules about the files of a package: what must be there and what must not.

From the daemon (sizes, dependency files) and the marketplace's checks (manifest, contents,
binaries, readme of dify-marketplace-toolkit, and the publishing documentation).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from runtime.package.archive import MANIFEST, MAX_PACKAGE_BYTES
from runtime.package.findings import Findings, Source

MAX_FILES = 5000
API_PACKAGE_BYTES = 15_728_640
"""Dify's own PLUGIN_MAX_PACKAGE_SIZE where nobody raised it (its Docker set-up does)."""

_BLOCKED_FOLDERS = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".venv",
        "venv",
        "env",
        "__pycache__",
        "pycache",
        ".pytest_cache",
        ".ruff_cache",
        ".mypy_cache",
        ".tox",
        ".nox",
        ".idea",
        ".vscode",
        "node_modules",
    ]
)
_BLOCKED_FILES = frozenset({".DS_Store", ".gitconfig", "Thumbs.db", "desktop.ini", "id_rsa"})
_BLOCKED_SUFFIXES = frozenset(
    [".key", ".pem", ".p12", ".pfx", ".pyc", ".pyo", ".log", ".tmp", ".swp", ".swo", ".bak"]
)
_ENV_EXAMPLES = frozenset({".env.example", ".env.sample", ".env.template"})
_ARCHIVES = frozenset([".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"])
_BINARY_SUFFIXES = frozenset([".dll", ".dylib", ".exe", ".node", ".pyd", ".so"])
_MAGIC = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
    b"\xca\xfe\xba\xbf",
)
_PRIVATE_KEY = re.compile(rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----")
_CJK = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")
_CODE = re.compile(r"```.*?```", re.DOTALL)
_SOURCE_HOST = re.compile(
    r"https?://(www\.)?(github\.com|gitlab\.com|bitbucket\.org|gitee\.com|codeberg\.org|git\.sr\.ht)/"
)
_PRIVACY_TEMPLATE = "please fill in the privacy policy"
_TEMPLATE_ICON = b"DIFY_MARKETPLACE_TEMPLATE_ICON_DO_NOT_USE"
_EMAIL = re.compile(r"[^@\s]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")


def check_contents(
    files: Mapping[str, bytes], manifest: Mapping[str, Any] | None, findings: Findings
) -> None:
    """Check sizes, unwanted files, README, privacy policy and icons."""
    _sizes(files, findings)
    _unwanted(files, findings)
    _assets(files, findings)
    _readme(files, findings)
    if manifest is not None:
        _privacy(files, manifest, findings)
        _listing(manifest, findings)
        _template_icon(files, manifest, findings)


def _sizes(files: Mapping[str, bytes], findings: Findings) -> None:
    total = sum(len(data) for data in files.values())
    if total > MAX_PACKAGE_BYTES:
        largest = sorted(files, key=lambda name: len(files[name]), reverse=True)[:5]
        named = ", ".join(f"{name} ({len(files[name])})" for name in largest)
        findings.error(
            Source.CLI,
            "unpacked-size",
            "",
            "",
            f"The files are {total} bytes together; allowed are {MAX_PACKAGE_BYTES}. The largest: "
            f"{named}.",
            "Leave large files out with .difyignore.",
        )
    elif total > API_PACKAGE_BYTES:
        findings.warning(
            Source.API,
            "unpacked-size",
            "",
            "",
            f"The files are {total} bytes together; a Dify whose administrator did not raise "
            f"PLUGIN_MAX_PACKAGE_SIZE takes packages of {API_PACKAGE_BYTES} bytes.",
        )
    if len(files) > MAX_FILES:
        findings.error(
            Source.MARKETPLACE,
            "file-count",
            "",
            "",
            f"The package has {len(files)} files; the marketplace allows {MAX_FILES}.",
            "Leave what is not needed at run time out with .difyignore.",
        )


def _unwanted(files: Mapping[str, bytes], findings: Findings) -> None:
    folders: set[str] = set()
    for name, data in files.items():
        path = PurePosixPath(name)
        blocked = next((part for part in path.parts[:-1] if part in _BLOCKED_FOLDERS), None)
        if blocked:
            folder = name[: name.index(f"{blocked}/") + len(blocked) + 1]
            if folder not in folders:
                folders.add(folder)
                _blocked(findings, folder, f"The folder {folder} does not belong in a package")
            continue
        suffix = path.suffix.lower()
        if path.name in _BLOCKED_FILES or suffix in _BLOCKED_SUFFIXES or _is_env(path.name):
            _blocked(findings, name, f"{name} does not belong in a package")
        elif suffix in _BINARY_SUFFIXES or data.startswith(_MAGIC):
            _blocked(findings, name, f"{name} is a program or native library")
        elif suffix in _ARCHIVES:
            findings.warning(
                Source.MARKETPLACE, "archive", name, "", f"{name} is an archive; reviewers ask why."
            )
        if _PRIVATE_KEY.search(data):
            findings.error(
                Source.MARKETPLACE,
                "secret",
                name,
                "",
                f"{name} has a private key in it.",
                "Remove it, and replace the key: it must be considered known.",
            )


def _blocked(findings: Findings, name: str, what: str) -> None:
    findings.error(
        Source.MARKETPLACE,
        "blocked-file",
        name,
        "",
        f"{what}; the marketplace blocks it.",
        f"Add a line /{name} to .difyignore.",
    )


def _is_env(name: str) -> bool:
    return name == ".env" or (name.startswith(".env.") and name not in _ENV_EXAMPLES)


def _assets(files: Mapping[str, bytes], findings: Findings) -> None:
    if not any(name.startswith("_assets/") for name in files):
        findings.error(
            Source.SDK,
            "assets",
            "_assets/",
            "",
            "The package has no file in _assets/; the SDK does not start without that folder.",
            "Create _assets/ with the plugin's icon in it.",
        )


def _readme(files: Mapping[str, bytes], findings: Findings) -> None:
    data = files.get("README.md")
    if data is None or not data.strip():
        findings.error(
            Source.MARKETPLACE,
            "readme",
            "README.md",
            "",
            f"README.md is {'missing' if data is None else 'empty'}; the marketplace and Dify's "
            "plugin page need it, in English.",
            "Say what the plugin does, how it is set up and what its nodes return.",
        )
        return
    text = data.decode(errors="replace")
    signs = len(_CJK.findall(_CODE.sub("", text)))
    if signs:
        findings.error(
            Source.MARKETPLACE,
            "readme-language",
            "README.md",
            "",
            f"README.md has {signs} Chinese or Japanese characters outside code; allowed is "
            "English.",
            "Move the translation to readme/README_zh_Hans.md.",
        )
    if not _SOURCE_HOST.search(text):
        findings.warning(
            Source.MARKETPLACE,
            "readme-repo",
            "README.md",
            "",
            "README.md names no source repository; the marketplace's checks look for its address.",
        )


def _privacy(files: Mapping[str, bytes], manifest: Mapping[str, Any], findings: Findings) -> None:
    given = manifest.get("privacy")
    if not given:
        findings.error(
            Source.MARKETPLACE,
            "privacy",
            MANIFEST,
            "privacy",
            f"{MANIFEST}: privacy is missing; required is an address or the name of a file.",
            "Write `privacy: PRIVACY.md`.",
        )
    name = "PRIVACY.md"
    if isinstance(given, str) and given and "://" not in given:
        name = given.removeprefix("./")
    for file in dict.fromkeys(("PRIVACY.md", name)):
        data = files.get(file)
        if data is None:
            problem = f"{file} is missing; the marketplace requires a privacy policy"
        elif not data.strip():
            problem = f"{file} is empty"
        elif _PRIVACY_TEMPLATE in data.decode(errors="replace").lower():
            problem = f"{file} is still the template's text"
        else:
            continue
        findings.error(
            Source.MARKETPLACE,
            "privacy",
            file,
            "",
            f"{problem}.",
            "Say which data the plugin sends where, and what it keeps.",
        )


def _listing(manifest: Mapping[str, Any], findings: Findings) -> None:
    repo = manifest.get("repo")
    if not (isinstance(repo, str) and _SOURCE_HOST.match(repo)):
        findings.warning(
            Source.MARKETPLACE,
            "repo-host",
            MANIFEST,
            "repo",
            f"{MANIFEST}: repo is {repo!r}; the marketplace's checks want the source's address at "
            "GitHub, GitLab, Bitbucket, Gitee, Codeberg or SourceHut.",
        )
    contact = manifest.get("contact")
    if not (isinstance(contact, str) and _EMAIL.fullmatch(contact)):
        findings.warning(
            Source.MARKETPLACE,
            "contact",
            MANIFEST,
            "contact",
            f"{MANIFEST}: contact is {contact!r}; the marketplace's checks want an e-mail address.",
        )


def _template_icon(
    files: Mapping[str, bytes], manifest: Mapping[str, Any], findings: Findings
) -> None:
    for field in ("icon", "icon_dark"):
        name = f"_assets/{manifest.get(field)}"
        if _TEMPLATE_ICON in files.get(name, b""):
            findings.error(
                Source.MARKETPLACE,
                "icon-template",
                name,
                "",
                f"{name} is the template's icon; the marketplace wants one of your own.",
            )
