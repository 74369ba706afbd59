"""Do the declarations (YAML) and the code say the same? Read from the source, nothing is run.

`python -m tests.declarations` exits with 1 and says what differs.
"""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
LANGUAGES = ("en_US", "zh_Hans", "ja_JP", "pt_BR")
READERS = frozenset(
    {"raw", "text", "required_text", "number", "integer", "boolean", "file", "files"}
)
MAX_LINES = 60


def load(path: str) -> dict[str, Any]:
    """A YAML file of the project."""
    data: dict[str, Any] = yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))
    return data


def tools() -> list[str]:
    """The YAML files of all nodes."""
    return list(load("provider/creative_studio.yaml")["tools"])


def read_parameters(tree: ast.AST) -> set[str]:
    """Names that an adapter reads from its `Parameters`, itself or through functions of the
    tools' own modules that it hands them to, and what `Call` reads."""
    readers = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _called(node.value) == "Parameters"
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return _read_by(tree, readers, _own_modules(tree))


def _own_modules(tree: ast.AST) -> dict[str, ast.Module]:
    """The modules of `tools` that are imported as `from tools import name`."""
    return {
        alias.asname or alias.name: ast.parse((ROOT / "tools" / f"{alias.name}.py").read_text())
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "tools"
        for alias in node.names
    }


def _read_by(tree: ast.AST, readers: set[str], modules: dict[str, ast.Module]) -> set[str]:
    """Names that the code reads from the variables `readers`."""
    names = set()
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call):
            continue
        function = call.func
        if _called(call) == "Call":
            names.add("timeout_seconds")
        first = call.args[0] if call.args else None
        handed = any(isinstance(given, ast.Name) and given.id in readers for given in call.args)
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            owner = function.value.id
            if function.attr in READERS and owner in readers and isinstance(first, ast.Constant):
                names.add(str(first.value))
            elif owner in modules and handed:
                names |= _read_in(modules[owner], function.attr, call, readers)
        elif isinstance(function, ast.Name) and handed and isinstance(tree, ast.Module):
            names |= _read_in(tree, function.id, call, readers)
    return names


def _read_in(module: ast.Module, function: str, call: ast.Call, readers: set[str]) -> set[str]:
    """Names that a module's function reads from the `Parameters` among what it is called with."""
    for node in module.body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            arguments = [argument.arg for argument in node.args.args]
            given = dict(zip(arguments, call.args, strict=False))
            # A function that is told which parameter to read, in another argument.
            constants = {
                name: value.value
                for name, value in given.items()
                if isinstance(value, ast.Constant)
            }
            inside = {
                name
                for name, value in given.items()
                if isinstance(value, ast.Name) and value.id in readers
            }
            names = _read_by(node, inside, {})
            for inner in ast.walk(node):
                if not isinstance(inner, ast.Call) or not inner.args:
                    continue
                first = inner.args[0]
                if isinstance(first, ast.Name) and first.id in constants:
                    names.add(str(constants[first.id]))
                elif any(isinstance(one, ast.Name) and one.id in inside for one in inner.args):
                    names |= _read_in(module, _called(inner), inner, inside)
            return names
    return set()


def past_parameters(tree: ast.AST) -> bool:
    """Whether an adapter uses what Dify sent otherwise than through `Parameters`."""
    uses = [n for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "tool_parameters"]
    wrapped = [
        argument
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and _called(call) == "Parameters"
        for argument in call.args
    ]
    return any(use not in wrapped for use in uses)


def _called(node: ast.AST) -> str:
    """The name of the plain function that a call calls."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""


def differences(declared: set[str], read: set[str], where: str) -> list[str]:
    """What only one side has."""
    return [
        f"{where}: parameter '{name}' is declared and never read" for name in declared - read
    ] + [f"{where}: parameter '{name}' is read and not declared" for name in read - declared]


def adapter_problems(path: str) -> list[str]:
    """Everything that is wrong between a node's YAML and its adapter."""
    data = load(path)
    source_path = data["extra"]["python"]["source"]
    source = (ROOT / source_path).read_text(encoding="utf-8")
    tree = ast.parse(source)
    declared = {parameter["name"] for parameter in data.get("parameters") or []}
    found = differences(declared, read_parameters(tree), source_path)
    classes = [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    if len(classes) != 1:
        found.append(
            f"{source_path}: has the classes {', '.join(classes) or 'none'}; one is needed"
        )
    if past_parameters(tree):
        found.append(f"{source_path}: uses tool_parameters itself; read them through Parameters")
    if len(source.splitlines()) > MAX_LINES:
        found.append(f"{source_path}: has over {MAX_LINES} lines; move the craft to creative/")
    if data["identity"]["name"] != Path(path).stem or Path(source_path).stem != Path(path).stem:
        found.append(f"{path}: the node's name, its YAML and its source must be called the same")
    if not (data.get("output_schema") or {}).get("properties"):
        found.append(f"{path}: declares no outputs")
    outputs = (data.get("output_schema") or {}).get("properties") or {}
    if outputs.get("usage", {}).get("type") != "object":
        found.append(f"{path}: declares no object 'usage', which every node returns")
    for parameter in data.get("parameters") or []:
        # A list of the server's names takes no variable; a text field beside it does.
        name = parameter["name"]
        has_twin = name.removesuffix("_choice") in declared or f"{name[:-7]}s" in declared
        live = parameter["type"] == "dynamic-select" and name.endswith("_choice") and has_twin
        # A model is chosen by whoever builds the app, never by an agent's language model.
        live = live or parameter["type"] == "model-selector"
        if parameter.get("form") != ("form" if live else "llm"):
            found.append(f"{path}: '{name}' cannot take a variable: form must be llm")
    return found


def untranslated(value: Any, where: str) -> list[str]:
    """Texts that lack one of the four languages."""
    found = []
    if isinstance(value, dict):
        if "en_US" in value and not where.endswith(".placeholder"):
            missing = [language for language in LANGUAGES if not value.get(language)]
            if missing:
                found.append(f"{where}: no {', '.join(missing)}")
        else:
            for key, item in value.items():
                found += untranslated(item, f"{where}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            name = item.get("name", index) if isinstance(item, dict) else index
            found += untranslated(item, f"{where}.{name}")
    return found


def credential_problems() -> list[str]:
    """What differs between the credentials form and `creative.settings.Settings`."""
    from creative.settings import Settings

    form = set(load("provider/creative_studio.yaml")["credentials_for_provider"])
    known = set(Settings.model_fields)
    return [
        f"provider: credential '{name}' is in the form and in no setting" for name in form - known
    ] + [f"provider: setting '{name}' is not in the form" for name in known - form]


def problems() -> list[str]:
    """Everything, one sentence each."""
    found = credential_problems()
    for path in ("manifest.yaml", "provider/creative_studio.yaml", *tools()):
        found += untranslated(load(path), path)
    for path in tools():
        found += adapter_problems(path)
    stray = {f"tools/{p.name}" for p in (ROOT / "tools").glob("*.yaml")} - set(tools())
    found += [f"{path}: is not listed in provider/creative_studio.yaml" for path in sorted(stray)]
    return found


if __name__ == "__main__":
    if said := problems():
        sys.exit("\n".join(said))
