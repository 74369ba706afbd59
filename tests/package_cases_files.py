"""The cases of sources, of what they import, and of what else is in a package."""

from __future__ import annotations

from tests.package_changes import ECHO_PY, MANIFEST, Case, added, broken, drop, put, replaced

_BASE_PY = """\
from dify_plugin import Tool


class Base(Tool):
    pass
"""
_USING_BASE = """\
from tools.base import Base


class EchoTool(Base):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("x")
"""
_DATACLASS = """\
from __future__ import annotations

from dataclasses import dataclass

from dify_plugin import Tool


@dataclass
class Job:
    name: str


class EchoTool(Tool):
    def _invoke(self, tool_parameters):
        yield self.create_text_message("x")
"""

FILE_CASES: tuple[Case, ...] = (
    # Python sources
    broken(ECHO_PY, "error", "sdk", "python-syntax", "", "def broken(:\n"),
    broken(ECHO_PY, "error", "sdk", "class-missing", "", "from dify_plugin import Tool\n"),
    broken(
        ECHO_PY,
        "error",
        "sdk",
        "class-several",
        "",
        replaced(ECHO_PY, "class EchoTool", "class Other(Tool):\n    pass\n\n\nclass EchoTool"),
    ),
    Case(
        "error",
        "sdk",
        "class-several",
        ECHO_PY,
        "",
        {"tools/base.py": _BASE_PY, ECHO_PY: _USING_BASE},
    ),
    broken(
        ECHO_PY,
        "error",
        "sdk",
        "method-missing",
        "EchoTool",
        replaced(ECHO_PY, "def _invoke", "def invoke_it"),
    ),
    broken(ECHO_PY, "error", "sdk", "dataclass", "Job", _DATACLASS),
    broken(
        "provider/parrot.py",
        "warning",
        "sdk",
        "method-missing",
        "ParrotProvider",
        replaced("provider/parrot.py", "_validate_credentials", "_check"),
    ),
    broken("main.py", "error", "daemon", "entrypoint", "", None)._replace(
        file=MANIFEST, field="meta.runner.entrypoint"
    ),
    broken(
        "main.py",
        "warning",
        "sdk",
        "import-order",
        "",
        replaced("main.py", "from dify_plugin", "import ssl\n\nfrom dify_plugin"),
    ),
    added("warning", "sdk", "python-syntax", "tools/unused.py", "def broken(:\n"),
    # dependencies
    broken("requirements.txt", "error", "daemon", "requirements", "", None),
    Case(
        "error",
        "marketplace",
        "requirements",
        "requirements.txt",
        "",
        {"requirements.txt": None, "pyproject.toml": "[project]\nname = 'parrot'\n"},
    ),
    broken(
        "requirements.txt", "error", "marketplace", "sdk-version", "line 1", "dify_plugin~=0.5.0\n"
    ),
    broken(
        "requirements.txt",
        "error",
        "marketplace",
        "dependency-unbound",
        "line 2",
        "dify_plugin>=0.10,<1\nrequests\n",
    ),
    broken(
        "requirements.txt",
        "warning",
        "marketplace",
        "dependency-unbound",
        "line 1",
        "dify_plugin>=0.10\n",
    ),
    broken(
        "requirements.txt",
        "error",
        "marketplace",
        "dependency-url",
        "line 1",
        "x @ git+https://example.com/x\n",
    ),
    broken("requirements.txt", "error", "daemon", "dependency", "line 1", "requests 2\n"),
    broken(
        "requirements.txt",
        "warning",
        "marketplace",
        "dependency-large",
        "line 1",
        "torch>=2,<3\n",
    ),
    added("error", "daemon", "pyproject", "pyproject.toml", "[project"),
    added("warning", "daemon", "pyproject-build", "pyproject.toml", "[build-system]\n")._replace(
        field="build-system"
    ),
    added(
        "error",
        "daemon",
        "requires-python",
        "pyproject.toml",
        "[project]\nrequires-python='>=3.13'\n",
    )._replace(field="project.requires-python"),
    Case(
        "warning",
        "daemon",
        "python-version-file",
        ".python-version",
        "",
        {"pyproject.toml": "[project]\n", ".python-version": "3.13\n"},
    ),
    # contents
    broken("_assets/icon.svg", "error", "sdk", "assets", "", None)._replace(file="_assets/"),
    broken("README.md", "error", "marketplace", "readme", "", None),
    broken("README.md", "error", "marketplace", "readme", "", " \n"),
    broken(
        "README.md", "error", "marketplace", "readme-language", "", "鹦鹉 https://github.com/a/b"
    ),
    broken("README.md", "warning", "marketplace", "readme-repo", "", "# Parrot\n"),
    broken("PRIVACY.md", "error", "marketplace", "privacy", "", None),
    broken("PRIVACY.md", "error", "marketplace", "privacy", "", ""),
    broken(
        "PRIVACY.md",
        "error",
        "marketplace",
        "privacy",
        "",
        "!!! Please fill in the privacy policy of the plugin.",
    ),
    broken(MANIFEST, "error", "marketplace", "privacy", "privacy", drop("privacy")),
    broken(MANIFEST, "warning", "marketplace", "repo-host", "repo", drop("repo")),
    broken(MANIFEST, "warning", "marketplace", "contact", "contact", put("contact", "me")),
    broken(
        "_assets/icon.svg",
        "error",
        "marketplace",
        "icon-template",
        "",
        "<svg><!-- DIFY_MARKETPLACE_TEMPLATE_ICON_DO_NOT_USE --></svg>",
    ),
    added("error", "marketplace", "blocked-file", ".env", "KEY=1"),
    added("error", "marketplace", "blocked-file", "server.pem"),
    added("error", "marketplace", "blocked-file", "tools/fast.so"),
    added("error", "marketplace", "blocked-file", "tools/helper", b"\x7fELF\x02"),
    added("error", "marketplace", "blocked-file", "tools/__pycache__/echo.txt")._replace(
        file="tools/__pycache__/"
    ),
    added(
        "error",
        "marketplace",
        "secret",
        "notes.txt",
        "-----BEGIN RSA PRIVATE" + " KEY-----\n",
    ),
    added("warning", "marketplace", "archive", "data.zip"),
)
