"""The Python files that a declaration names, read without running them.

The SDK executes each source file and wants exactly one subclass of Tool (or ToolProvider) in
its namespace, imported ones included (core/utils/class_loader.py, 0.10.1). Where a base class
comes from outside the package, nothing is claimed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from runtime.package.findings import Findings, Source
from runtime.package.rules.fields import Fields

_PYTHON = (3, 12)
_PARENT_METHODS = {"Tool": "_invoke"}
_SDK_MODULES = frozenset({"dify_plugin", "dify_plugin.interfaces.tool"})
_FUTURE = "__future__"


@dataclass(frozen=True)
class ClassFound:
    """A subclass in a module's namespace.

    Attributes:
        origin: module and name of its definition.
        methods: names defined in it and in those of its bases that are known.
        certain: whether all its bases are known.
    """

    origin: tuple[str, str]
    methods: frozenset[str]
    certain: bool


@dataclass
class Namespace:
    """The classes that a module's namespace shows."""

    subclasses: dict[str, ClassFound] = field(default_factory=dict)
    certain: bool = True


@dataclass
class Modules:
    """The Python files of a package, parsed when asked for."""

    files: Mapping[str, bytes]
    parent: str
    _trees: dict[str, ast.Module | None] = field(default_factory=dict)
    _spaces: dict[str, Namespace] = field(default_factory=dict)

    def tree(self, file: str) -> ast.Module | None:
        """The syntax tree of a file, or None if it is no valid Python."""
        if file not in self._trees:
            self._trees[file] = _parse(self.files[file], file)
        return self._trees[file]

    def path(self, module: str) -> str | None:
        """The file of a module, if the package has it."""
        base = module.replace(".", "/")
        return next((p for p in (f"{base}.py", f"{base}/__init__.py") if p in self.files), None)

    def namespace(self, file: str) -> Namespace:
        """The subclasses of the parent that a file's namespace will show."""
        if file in self._spaces:
            return self._spaces[file]
        space = self._spaces[file] = Namespace()
        tree = self.tree(file)
        if tree is None:
            space.certain = False
            return space
        aliases: set[str] = set()
        for node in _top_level(tree):
            if isinstance(node, ast.ImportFrom):
                self._import_from(node, file, space, aliases)
            elif isinstance(node, ast.Import):
                aliases.update(
                    f"{name.asname or name.name}.{self.parent}"
                    for name in node.names
                    if name.name in _SDK_MODULES
                )
            elif isinstance(node, ast.ClassDef):
                self._class(node, file, space, aliases)
        return space

    def _import_from(
        self, node: ast.ImportFrom, file: str, space: Namespace, aliases: set[str]
    ) -> None:
        module = _absolute(node, file)
        if module.split(".")[0] == "dify_plugin":
            for name in node.names:
                if name.name == self.parent:
                    aliases.add(name.asname or name.name)
                elif name.name == "*":
                    aliases.add(self.parent)
            return
        path = self.path(module)
        if path is None:
            return
        other = self.namespace(path)
        space.certain = space.certain and other.certain
        for name in node.names:
            if name.name == "*":
                space.subclasses.update(
                    {n: c for n, c in other.subclasses.items() if not n.startswith("_")}
                )
                if path in self.files and self._imports_parent(path):
                    aliases.add(self.parent)
            elif name.name in other.subclasses:
                space.subclasses[name.asname or name.name] = other.subclasses[name.name]
            elif name.name == self.parent and self._imports_parent(path):
                aliases.add(name.asname or name.name)

    def _imports_parent(self, file: str) -> bool:
        tree = self.tree(file)
        return tree is not None and any(
            isinstance(node, ast.ImportFrom)
            and (node.module or "").split(".")[0] == "dify_plugin"
            and any(name.name == self.parent for name in node.names)
            for node in _top_level(tree)
        )

    def _class(self, node: ast.ClassDef, file: str, space: Namespace, aliases: set[str]) -> None:
        methods = {
            item.name
            for item in node.body
            if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        methods |= {
            target.id
            for item in node.body
            if isinstance(item, ast.Assign)
            for target in item.targets
            if isinstance(target, ast.Name)
        }
        derived, certain = False, True
        for base in node.bases:
            name = ast.unparse(base.value if isinstance(base, ast.Subscript) else base)
            if name in aliases:
                derived = True
            elif name in space.subclasses:
                derived = True
                methods |= space.subclasses[name].methods
                certain = certain and space.subclasses[name].certain
            elif name not in ("ABC", "object"):
                certain = False
        if derived:
            space.subclasses[node.name] = ClassFound((file, node.name), frozenset(methods), certain)
        elif not certain:
            space.certain = False


def module_file(source: str) -> str:
    """The file that the SDK executes for extra.python.source.

    It makes a module name of it first, so that another suffix does not matter.
    """
    path = PurePosixPath(source)
    return str(path.with_suffix(".py")) if path.name else source


def check_source(
    data: Mapping[str, object],
    file: str,
    parent: str,
    modules: Modules,
    findings: Findings,
) -> ClassFound | None:
    """Check extra.python.source of a tool's or provider's YAML and the file that it names.

    Args:
        data: the content of the YAML file.
        file: its name.
        parent: the class to derive from, Tool or ToolProvider.
        modules: the package's Python files, for that parent.
        findings: where broken rules go.

    Returns:
        The class, if it is the only one.
    """
    extra = Fields(data, file, "", findings).child("extra", required=Source.SDK)
    python = extra.child("python", required=Source.SDK) if extra is not None else None
    source = python.text("source") if python is not None else None
    if python is None or source is None:
        return None
    where = python.where("source")
    path = module_file(source)
    if path not in modules.files:
        findings.error(
            Source.SDK,
            "source-missing",
            file,
            where,
            f"{file}: {where} is {source!r}; the package has no {path}.",
            "Create it, correct the path, or take it out of .difyignore.",
        )
        return None
    if not source.endswith(".py"):
        python.warning(Source.SDK, "source-suffix", "source", f"is {source!r}; meant is {path!r}.")
    if modules.tree(path) is None:
        return None  # check_syntax says so for every file
    _dataclasses(path, modules, findings)
    return _only_class(path, parent, modules, findings)


def _only_class(path: str, parent: str, modules: Modules, findings: Findings) -> ClassFound | None:
    space = modules.namespace(path)
    found = space.subclasses
    if not found:
        if space.certain:
            findings.error(
                Source.SDK,
                "class-missing",
                path,
                "",
                f"{path} has no subclass of {parent}; exactly one is required.",
                f"Derive one class from dify_plugin.{parent}.",
            )
        return None
    if len(found) > 1:
        names = ", ".join(found)
        findings.error(
            Source.SDK,
            "class-several",
            path,
            "",
            f"{path} shows {len(found)} subclasses of {parent}: {names}; exactly one is allowed, "
            "imported ones included.",
            "Import the module instead of the class, or move helpers to another file.",
        )
        return None
    name, only = next(iter(found.items()))
    method = _PARENT_METHODS.get(parent)
    if method and only.certain and method not in only.methods:
        findings.error(
            Source.SDK,
            "method-missing",
            path,
            name,
            f"{path}: {name} has no method {method}; {parent} requires it.",
        )
    return only


def check_syntax(modules: Modules, findings: Findings, needed: set[str]) -> None:
    """Every Python file must parse on Python 3.12; a broken one in `needed` stops the start."""
    for file in sorted(modules.files):
        if file.endswith(".py") and modules.tree(file) is None:
            problem = _syntax_problem(modules.files[file], file)
            (findings.error if file in needed else findings.warning)(
                Source.SDK,
                "python-syntax",
                file,
                "",
                f"{file} is not valid Python 3.12: {problem}.",
                "Correct it at the line named.",
            )


def check_entrypoint(entrypoint: str, modules: Modules, findings: Findings) -> str | None:
    """The module that the daemon starts with `python -m`; returns its file, if there."""
    base = entrypoint.replace(".", "/")
    path = next((p for p in (f"{base}.py", f"{base}/__main__.py") if p in modules.files), None)
    if path is None:
        file = entrypoint if entrypoint in modules.files else ""
        findings.error(
            Source.DAEMON,
            "entrypoint",
            "manifest.yaml",
            "meta.runner.entrypoint",
            f"manifest.yaml: meta.runner.entrypoint is {entrypoint!r}, but the package has no "
            f"{base}.py; allowed is the name of a module.",
            f"Write {file.removesuffix('.py')!r}, without .py."
            if file
            else "Create main.py and write 'main'.",
        )
        return None
    tree = modules.tree(path)
    if tree is not None:
        first = next(
            (
                node
                for node in _top_level(tree)
                if isinstance(node, ast.Import | ast.ImportFrom)
                and getattr(node, "module", "") != _FUTURE
            ),
            None,
        )
        names = _imported(first) if first is not None else []
        if not names or names[0].split(".")[0] != "dify_plugin":
            findings.warning(
                Source.SDK,
                "import-order",
                path,
                "",
                f"{path} imports {names[0] if names else 'nothing'} first; dify_plugin should "
                "come first, since it makes sockets, threads and subprocesses cooperative.",
                "Move `from dify_plugin import …` to the top.",
            )
    return path


def _dataclasses(path: str, modules: Modules, findings: Findings) -> None:
    tree = modules.tree(path)
    assert tree is not None  # noqa: S101 - the caller looked
    postponed = any(
        isinstance(node, ast.ImportFrom)
        and node.module == _FUTURE
        and any(name.name == "annotations" for name in node.names)
        for node in tree.body
    )
    if not postponed:
        return
    for node in _top_level(tree):
        if isinstance(node, ast.ClassDef) and any(
            "dataclass" in ast.unparse(decorator) for decorator in node.decorator_list
        ):
            findings.error(
                Source.SDK,
                "dataclass",
                path,
                node.name,
                f"{path}: {node.name} is a dataclass in a file with postponed annotations; the SDK "
                "runs the file outside sys.modules, where dataclasses fail.",
                "Move the dataclass to a module of its own.",
            )


def _imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or "." * node.level]
    return [name.name for name in node.names] if isinstance(node, ast.Import) else []


def _absolute(node: ast.ImportFrom, file: str) -> str:
    if not node.level:
        return node.module or ""
    parents = PurePosixPath(file).parts[: -node.level]
    return ".".join((*parents, *((node.module,) if node.module else ())))


def _top_level(tree: ast.Module) -> list[ast.stmt]:
    """Statements that run when the module is imported, outside functions and classes."""
    found: list[ast.stmt] = []
    waiting: list[ast.stmt] = list(reversed(tree.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(reversed(node.orelse))
        elif isinstance(node, ast.If | ast.Try | ast.With):
            inner = [*node.body, *getattr(node, "orelse", []), *getattr(node, "finalbody", [])]
            for handler in getattr(node, "handlers", []):
                inner.extend(handler.body)
            waiting.extend(reversed(inner))
        else:
            found.append(node)
    return found


def _parse(data: bytes, file: str) -> ast.Module | None:
    try:
        return ast.parse(data, file, feature_version=_PYTHON)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _syntax_problem(data: bytes, file: str) -> str:
    try:
        ast.parse(data, file, feature_version=_PYTHON)
    except SyntaxError as error:
        return f"{error.msg} in line {error.lineno}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error)
    return "it cannot be read"
