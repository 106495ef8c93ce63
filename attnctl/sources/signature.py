"""The parameters of a module's constructor, read from its source, so that planning and `--help` need no torch.

A module is a class whose constructor takes `channels` first, then `map_size` if it must know the height and width of
its maps, then its hyperparameters as keywords with literal defaults and simple annotations. Beside them the class body
may hold, as literals:

    version = 1                       raised when the module's results change
    replaces = True                   it replaces norm layers; otherwise it is inserted after blocks
    rules = {"kernel % 2 == 1": "kernel must be odd"}    conditions over the hyperparameters and C, the channels
    variants = {"variant": {"t": {"kernel": 5}}}         named settings of other hyperparameters
    effective = {"num_groups": "gcd(num_groups, C)"}     the effective value at C channels, to be shown
    neutral = {"kernel": 3}           a hyperparameter that was added later, and its value in earlier runs
    one_size = "gates != 'channel'"   for a constructor with `map_size`: when its maps must all have that size;
                                      without it always

The lines `name: text` of the class's docstring are the help texts of the hyperparameters.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Union

from attnctl.sources import rules
from attnctl.values import Scalar, SpecError, comma_join, convert, did_you_mean, format_value


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter of a module. declared: a type for `attnctl.values.convert`."""

    name: str
    declared: Any
    default: Scalar
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class ModuleSource:
    """A module as declared in its source.

    replaces: it replaces norm layers. needs_map: the second parameter of its constructor is `map_size`, the (height,
    width) of its feature maps. one_size: when maps of other sizes do not work, as an expression.
    """

    name: str
    class_name: str
    path: Path
    import_name: str
    summary: str
    version: str
    hyperparameters: tuple[Hyperparameter, ...]
    rules: Mapping[str, str] = field(default_factory=dict)
    variants: Mapping[str, Mapping[str, Mapping[str, Scalar]]] = field(default_factory=dict)
    neutral: Mapping[str, Scalar] = field(default_factory=dict)
    replaces: bool = False
    needs_map: bool = False
    one_size: str = "False"
    effective: Mapping[str, str] = field(default_factory=dict)

    def resolve(self, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The values of all hyperparameters, converted, with defaults filled in and variants expanded.

        Two descriptions of the same network therefore become one request. Raises SpecError.
        """
        declared = {item.name: item for item in self.hyperparameters}
        for name in given:
            if name not in declared:
                raise SpecError(f"{self.name} has no hyperparameter {name!r}{did_you_mean(name, declared)}")
        values = {name: convert(value, declared[name].declared, f"{self.name} {name}") for name, value in given.items()}
        for selector, settings in self.variants.items():
            chosen = values.pop(selector, None)
            if chosen is None:
                continue
            for name, value in settings[str(chosen)].items():
                if name in given and values[name] != value:
                    raise SpecError(
                        f"{self.name} {selector}={chosen} means {name}={format_value(value)}; "
                        f"give only one of {selector} and {name}={format_value(values[name])}"
                    )
                values[name] = value
        return {
            name: values.get(name, convert(item.default, item.declared, name))
            for name, item in declared.items()
            if name not in self.variants
        }

    def without_neutral(self, values: Mapping[str, Scalar]) -> dict[str, Scalar]:
        """The values without those that are neutral, which also describes networks from before these existed."""
        return {name: value for name, value in values.items() if (name, value) not in self.neutral.items()}

    def check(self, values: Mapping[str, Scalar], channels: int | None = None) -> None:
        """Raise SpecError when a rule is violated; rules about C are checked only if `channels` is given."""
        for condition, message in self.rules.items():
            about_channels = re.search(r"\bC\b", condition) is not None
            if about_channels and channels is None:
                continue
            if not rules.evaluate(condition, {**values, "C": channels}):
                used = [
                    f"{name}={format_value(value)}"
                    for name, value in values.items()
                    if re.search(rf"\b{name}\b", condition)
                ]
                location = f" at {channels} channels" if about_channels else ""
                raise SpecError(f"{self.name} {' '.join(used)} does not work{location}: {message}")

    def check_any_size(self, values: Mapping[str, Scalar], network: str) -> None:
        """Raise SpecError if these values work for maps of one size only. network: which sees images of many sizes."""
        if rules.evaluate(self.one_size, values):
            used = [
                f" {name}={format_value(value)}"
                for name, value in values.items()
                if re.search(rf"\b{name}\b", self.one_size)
            ]
            raise SpecError(
                f"{self.name}{''.join(used)} works for maps of one size; {network} has images of many sizes"
            )

    def effective_hyperparameters(self, values: Mapping[str, Scalar], channels: int) -> dict[str, Scalar]:
        """The hyperparameters whose effective value at this number of channels differs, with that value."""
        effective = {
            name: rules.evaluate(expression, {**values, "C": channels}) for name, expression in self.effective.items()
        }
        return {name: value for name, value in effective.items() if value != values[name]}


def check_constructed(module: object, channels: int, **values: Scalar) -> None:
    """For constructors: check the rules of the module's class; raises ValueError naming the hyperparameter."""
    name = type(module).__name__
    for condition, message in getattr(type(module), "rules", {}).items():
        if not rules.evaluate(condition, {**values, "C": channels}):
            used = ", ".join(f"{key}={value!r}" for key, value in values.items() if re.search(rf"\b{key}\b", condition))
            raise ValueError(f"{name}({channels}, {used}): {message}")


def read_modules(path: Path, import_name: str) -> list[ModuleSource]:
    """The modules that a source file declares, in order; raises SpecError with file and line."""
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SpecError(f"cannot read {path}: {error.strerror}") from error
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SpecError(f"{path}:{getattr(error, 'lineno', 1)} is not Python: {error}") from error
    constants = literals(tree.body)
    modules = []
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            constructor = _constructor(node)
            if constructor is not None:
                modules.append(_module(node, constructor, path, import_name, constants))
    return modules


def read_class(data: bytes, path: Path, import_name: str, class_name: str) -> ModuleSource:
    """One class of a user's file; its constructor may be inherited from a base class in the same file.

    data: the file's content. path: its name in messages. class_name: empty for the only suitable class.
    Raises SpecError with the line: no such class, no `channels`, a hyperparameter without a default.
    """
    tree = ast.parse(data, str(path))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    if not class_name:
        constructors = {name: inherited_constructor(node, classes) for name, node in classes.items()}
        modules = [
            name
            for name, init in constructors.items()
            if not name.startswith("_") and init is not None and _first_parameter(init) == "channels"
        ]
        if len(modules) != 1:
            names = comma_join(modules or classes) or "no class"
            raise SpecError(f"{path} has {names}; name one, such as {path}:{(*modules, 'MyAttention')[0]}")
        class_name = modules[0]
    if class_name not in classes:
        hint = did_you_mean(class_name, classes) if classes else "; it has no class"
        raise SpecError(f"{path} has no class {class_name!r}{hint}")
    node = classes[class_name]
    constructor = inherited_constructor(node, classes)
    prefix = f"{path}:{node.lineno}: {class_name}"
    if constructor is None:
        raise SpecError(
            f"{prefix} has no __init__; write one that takes `channels` first: def __init__(self, channels)"
        )
    parameter = _first_parameter(constructor)
    if parameter != "channels":
        first = f"its first parameter is {parameter!r}" if parameter else "it has no parameter"
        raise SpecError(f"{path}:{constructor.lineno}: {class_name} does not take `channels` first: {first}")
    return _module(node, constructor, path, import_name, literals(tree.body))


def read_function(data: bytes, path: Path, name: str, first: str) -> str:
    """The name of a function (or class) in a user's file whose only required parameter is `first`.

    name: empty for the only suitable one. Raises SpecError with the line.
    """
    tree = ast.parse(data, str(path))
    kinds = ast.FunctionDef | ast.ClassDef
    candidates = {node.name: node for node in tree.body if isinstance(node, kinds) and not node.name.startswith("_")}
    if not name:
        fitting = [key for key, node in candidates.items() if _parameters(node)[:1] == [first]]
        if len(fitting) != 1:
            names = comma_join(fitting or candidates) or "no function"
            raise SpecError(f"{path} has {names}; name one, such as {path}:{(*fitting, 'build')[0]}")
        name = fitting[0]
    if name not in candidates:
        hint = did_you_mean(name, candidates) if candidates else "; it has no function"
        raise SpecError(f"{path} has no function {name!r}{hint}")
    parameters = _parameters(candidates[name])
    if parameters != [first]:
        problem = f"its parameters without a default are {comma_join(parameters)}" if parameters else "it takes nothing"
        raise SpecError(f"{path}:{candidates[name].lineno}: {name} does not take `{first}` alone: {problem}")
    return name


def _parameters(node: ast.FunctionDef | ast.ClassDef) -> list[str]:
    """The first parameter of a function or constructor, and all others without a default."""
    function = inherited_constructor(node, {}) if isinstance(node, ast.ClassDef) else node
    if function is None:
        return []
    arguments = function.args
    positional = [item.arg for item in (*arguments.posonlyargs, *arguments.args)][isinstance(node, ast.ClassDef) :]
    needed = max(1, len(positional) - len(arguments.defaults))
    keywords = [
        item.arg for item, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if value is None
    ]
    return [*positional[:needed], *keywords]


def inherited_constructor(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> ast.FunctionDef | None:
    """The `__init__` of a class, or of its first base class in the same file that has one."""
    own = next((item for item in node.body if isinstance(item, ast.FunctionDef) and item.name == "__init__"), None)
    bases = [classes[base.id] for base in node.bases if isinstance(base, ast.Name) and base.id in classes]
    earlier = [base for base in bases if base.lineno < node.lineno]  # bases precede the class, so the recursion ends
    return own or next((inherited for base in earlier if (inherited := inherited_constructor(base, classes))), None)


def _first_parameter(node: ast.FunctionDef) -> str:
    """The name of the first parameter after self; empty if there is none."""
    arguments = [*node.args.posonlyargs, *node.args.args]
    return arguments[1].arg if len(arguments) >= 2 else ""


def _constructor(node: ast.ClassDef) -> ast.FunctionDef | None:
    for item in node.body:
        if isinstance(item, ast.FunctionDef) and item.name == "__init__" and _first_parameter(item) == "channels":
            return item
    return None


def _module(
    node: ast.ClassDef, constructor: ast.FunctionDef, path: Path, import_name: str, constants: Mapping[str, Any]
) -> ModuleSource:
    docstring = ast.get_docstring(node) or ""
    help_texts = dict(re.findall(r"^\s*(\w+): (.+)$", docstring, flags=re.MULTILINE))
    needs_map, keywords = _keywords(constructor)
    _check_by_name(constructor, {argument.arg for argument, _ in keywords}, f"{path}:{node.lineno}: {node.name}'s")
    location = f"{path}:{node.lineno}: {node.name}'s"
    hyperparameters = []
    for argument, default in keywords:
        prefix = f"{path}:{argument.lineno}: {node.name}'s hyperparameter"
        declared, value = parameter(argument, default, constants, prefix)
        hyperparameters.append(Hyperparameter(argument.arg, declared, value, help_texts.get(argument.arg, "")))
    body = literals(node.body)
    names = [item.name for item in hyperparameters]
    for setting in ("rules", "effective"):
        _check_expressions(body.get(setting, {}), names, f"{location} {setting}")
    one_size = body.get("one_size", str(needs_map))
    _check_expressions({"one_size": one_size}, names, f"{location} one_size")
    return ModuleSource(
        name=path.stem,
        class_name=node.name,
        path=path,
        import_name=import_name,
        summary=docstring.split("\n")[0].rstrip("."),
        version=str(body.get("version", 1)),
        hyperparameters=tuple(hyperparameters),
        rules=body.get("rules", {}),
        variants=body.get("variants", {}),
        neutral=body.get("neutral", {}),
        replaces=bool(body.get("replaces", False)),
        effective=body.get("effective", {}),
        needs_map=needs_map,
        one_size=one_size,
    )


def parameter(
    argument: ast.arg, default: ast.expr | None, constants: Mapping[str, Any], prefix: str
) -> tuple[Any, Scalar]:
    """The type and the default of a parameter; raises SpecError. constants: literals of the file, by name."""
    prefix = f"{prefix} {argument.arg}"
    if default is None:
        raise SpecError(f"{prefix} needs a default value, such as 7 or 'c'")
    value: Scalar = _literal(default, constants, f"{prefix}: its default")
    if argument.annotation is None:
        return (_ANYTHING if value is None else type(value)), value
    declared = _declared(argument.annotation, constants, prefix)
    if value is None:
        declared = Union[declared, None]  # noqa: UP007 - `x: int = None` is written often
    return declared, value


def _check_by_name(constructor: ast.FunctionDef, hyperparameters: Collection[str], prefix: str) -> None:
    """Raise SpecError for a hyperparameter that the constructor takes only by its place."""
    by_place = [item.arg for item in constructor.args.posonlyargs if item.arg in hyperparameters]
    if by_place:
        raise SpecError(f"{prefix} hyperparameter {by_place[0]} can only be given by its place; remove the / after it")


def _check_expressions(setting: object, names: list[str], prefix: str) -> None:
    """Check `rules`, whose keys are expressions, or a dictionary such as `effective`, whose values are."""
    if not isinstance(setting, dict) or not all(isinstance(text, str) for item in setting.items() for text in item):
        raise SpecError(f"{prefix} must be a dictionary of texts")
    for expression in setting if prefix.endswith("rules") else setting.values():
        try:
            rules.check(expression, names)
        except rules.RuleError as error:
            raise SpecError(f"{prefix}: {error}") from error


def _keywords(constructor: ast.FunctionDef) -> tuple[bool, list[tuple[ast.arg, ast.expr | None]]]:
    """Whether the second parameter is `map_size`, and the parameters after that with their defaults."""
    arguments = constructor.args
    positional = [*arguments.posonlyargs, *arguments.args]
    missing: list[ast.expr | None] = [None] * (len(positional) - len(arguments.defaults))
    pairs = list(zip(positional, [*missing, *arguments.defaults], strict=True))[2:]
    needs_map = bool(pairs) and pairs[0][0].arg == "map_size"
    return needs_map, [*pairs[needs_map:], *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)]


def literals(body: list[ast.stmt]) -> dict[str, Any]:
    """The names to which a body assigns literals, with their values."""
    literals: dict[str, Any] = {}
    for node in body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and isinstance(value, ast.expr):
            try:
                literals[target.id] = ast.literal_eval(value)
            except ValueError:
                continue  # not a literal, so not one of our settings
    return literals


def _literal(node: ast.expr, constants: Mapping[str, Any], prefix: str) -> Any:
    if isinstance(node, ast.Name) and node.id in constants:
        return constants[node.id]
    try:
        value = ast.literal_eval(node)
    except ValueError:
        value = ...
    if not isinstance(value, bool | int | float | str | None):
        raise SpecError(f"{prefix} is {ast.unparse(node)}; it must be a plain value such as 7 or 'c'")
    return value


_ANYTHING = Union[None, int, float, bool, str]  # noqa: UP007 - read as a value
"""The type of a hyperparameter without annotation whose default is None."""

_SIMPLE = {"int": int, "float": float, "bool": bool, "str": str, "None": type(None)}


def _declared(node: ast.expr, constants: Mapping[str, Any], prefix: str) -> Any:
    """The type of an annotation: int, float, bool, str, None, Literal[...], `A | B` or Optional[A]."""
    if isinstance(node, ast.Constant) and node.value is None:
        return type(None)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _declared(ast.parse(node.value, mode="eval").body, constants, prefix)
    if isinstance(node, ast.Name) and node.id in _SIMPLE:
        return _SIMPLE[node.id]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_declared(node.left, constants, prefix), _declared(node.right, constants, prefix)]  # noqa: UP007
    if isinstance(node, ast.Subscript):
        name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
        if name == "Literal":
            choices = ast.literal_eval(node.slice)
            return Literal.__getitem__(choices if isinstance(choices, tuple) else (choices,))
        if name == "Union":
            members = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            return Union[tuple(_declared(member, constants, prefix) for member in members)]  # noqa: UP007
        if name == "Optional":
            return Union[_declared(node.slice, constants, prefix), None]  # noqa: UP007
    raise SpecError(
        f"{prefix} is annotated {ast.unparse(node)}; use int, float, bool, str, None, Literal[...] or a union of these"
    )
