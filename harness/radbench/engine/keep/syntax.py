"""Syntax: what a Python file says, told from its tree: a digest that no comment changes, and where it leads.

It needs the standard library alone, and gives the same on every supported Python: ``ast.dump`` and ``ast.unparse``
differ between them, ``repr`` follows the Unicode tables that a Python was built with.
"""

from __future__ import annotations

import ast
import hashlib
import re
import warnings
from dataclasses import dataclass, field
from typing import Any

_NO_SYNTAX = frozenset({"ctx", "kind", "type_ignores", "type_comment"})
_IMPORTING = frozenset({"import_module", "__import__", "files"})
_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*(:[^\W\d]\w*(\.[^\W\d]\w*)*)?")


@dataclass(frozen=True)
class Scan:
    """What a file says.

    Attributes:
        digest: SHA-256 of its syntax, without comments, layout and docstrings.
        documented: the same with docstrings.
        reads_docs: whether it asks for docstrings at run time (``__doc__``, ``getdoc``).
        imports: (level, module, names) of the import statements anywhere in it, ``names`` empty for ``import module``;
            those under ``if TYPE_CHECKING`` are left out.
        chains: dotted uses of what ``import a.b`` binds, as in ``a.c.function``: more than the statement names.
        exports: by name, (level, module, name) of what is imported under ``if TYPE_CHECKING``: where a package that
            imports on first use takes its names from.
        answers: whether it defines ``__getattr__`` for itself, so that names come from where no statement says.
        texts: strings that may name modules: dotted names, "module:attribute", what is given to ``import_module``.
    """

    digest: str
    documented: str
    reads_docs: bool = False
    imports: tuple[tuple[int, str, tuple[str, ...]], ...] = ()
    chains: tuple[str, ...] = ()
    exports: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    answers: bool = False
    texts: tuple[str, ...] = ()


def scan(source: bytes) -> Scan:
    """Read a file.

    Args:
        source: all of it, in its own encoding.

    Raises:
        SyntaxError: it is no Python, or none that this Python reads.
        ValueError: it holds null bytes.
        RecursionError, MemoryError: it nests too deeply.
    """
    with warnings.catch_warnings():
        # Of invalid escape sequences; they are for whoever imports the file.
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
    reader = _Reader()
    reader.read(tree)
    digest = hashlib.sha256("".join(reader.written).encode("utf-8", "surrogatepass")).hexdigest()
    documented = hashlib.sha256("".join([digest, *reader.docstrings]).encode("utf-8", "surrogatepass")).hexdigest()
    return Scan(
        digest=digest,
        documented=documented,
        reads_docs=reader.reads_docs,
        imports=tuple(sorted(reader.imports)),
        chains=tuple(sorted(_chains(tree, reader.binding))) if reader.binding else (),
        exports=dict(sorted(reader.exports.items())),
        answers=any(_binds(statement, "__getattr__") for statement in tree.body),
        texts=tuple(sorted(reader.texts)),
    )


class _Reader:
    """One walk over a tree, with a stack of its own: long sums nest deeper than Python lets functions recurse."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.docstrings: list[str] = []
        self.reads_docs = False
        self.imports: set[tuple[int, str, tuple[str, ...]]] = set()
        self.binding: set[str] = set()
        self.exports: dict[str, tuple[int, str, str]] = {}
        self.texts: set[str] = set()
        self._checking = 0

    def read(self, tree: ast.Module) -> None:
        stack: list[Any] = [tree]
        while stack:
            item = stack.pop()
            if isinstance(item, ast.AST):
                self._note(item)
                stack += reversed(["(", type(item).__name__, *self._fields(item), ")"])
            elif isinstance(item, list):
                stack += reversed(["[", *(one if isinstance(one, ast.AST) else _plain(one) for one in item), "]"])
            elif isinstance(item, int):
                self._checking += item
            else:
                self.written.append(item)

    def _fields(self, node: ast.AST) -> list[Any]:
        """Return a node's fields by name; what is empty is left out, for Pythons differ in that."""
        found: list[Any] = []
        for name, value in ast.iter_fields(node):
            if name == "body" and isinstance(value, list):
                value = self._without_docstring(node, value)
                if isinstance(node, ast.If) and _is_type_checking(node.test):
                    # Numbers on the stack count how deep in such blocks the walk is.
                    found += [" body=", 1, value, -1]
                    continue
            elif isinstance(node, ast.JoinedStr):
                value = _joined(value)
            if name in _NO_SYNTAX or value == [] or (value is None and not isinstance(node, ast.Constant)):
                continue
            found += [f" {name}=", value if isinstance(value, ast.AST | list) else _plain(value)]
        return found

    def _without_docstring(self, node: ast.AST, body: list[Any]) -> list[Any]:
        if not body or not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            return body
        text = _text(body[0].value) if isinstance(body[0], ast.Expr) else None
        if text is None:
            return body
        self.docstrings.append(f"{len(self.written)} {_plain(text)}\n")
        return body[1:]

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import) and not self._checking:
            self.imports |= {(0, alias.name, ()) for alias in node.names}
            dotted = [alias.name for alias in node.names if "." in alias.name and not alias.asname]
            self.binding |= {name.partition(".")[0] for name in dotted}
        elif isinstance(node, ast.ImportFrom) and self._checking:
            self.exports |= {a.asname or a.name: (node.level, node.module or "", a.name) for a in node.names}
        elif isinstance(node, ast.ImportFrom):
            self.imports.add((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.Call) and _name(node.func) in _IMPORTING and node.args:
            self._may_name_module(_text(node.args[0]) or "", "")
        elif isinstance(node, ast.Constant) and (text := _text(node)):
            self._may_name_module(text, ".:")
        if _name(node) in ("__doc__", "getdoc") or (isinstance(node, ast.Constant) and node.value == "__doc__"):
            self.reads_docs = True

    def _may_name_module(self, text: str, marks: str) -> None:
        if len(text) < 200 and (not marks or any(m in text for m in marks)) and _MODULE.fullmatch(text):
            self.texts.add(text)


def _plain(value: Any) -> str:
    # The length before a text keeps two trees from being written alike; hexadecimal has no limit of digits.
    if isinstance(value, str):
        return f"str:{len(value)}:{value}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"int:{value:x}"
    return f"{type(value).__name__}:{value!r}"


def _joined(values: list[Any]) -> list[Any]:
    """Return the parts of an f-string with neighbouring texts as one: Pythons cut them differently."""
    found: list[Any] = []
    for value in values:
        text = _text(value)
        before = _text(found[-1]) if found else None
        if text == "":
            continue
        if text is not None and before is not None:
            found[-1] = ast.Constant(before + text)
        else:
            found.append(value)
    return found


def _text(node: Any) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def _name(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _is_type_checking(test: ast.expr) -> bool:
    return _name(test) == "TYPE_CHECKING"


def _chains(tree: ast.AST, roots: set[str]) -> set[str]:
    """Return the uses of some names, each as long as it is written: "a.b.c", or "a" where it stands alone."""
    nodes = list(ast.walk(tree))
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    found: set[str] = set()
    for node in nodes:
        parts: list[str] = []
        at = node
        while isinstance(at, ast.Attribute):
            parts.append(at.attr)
            at = at.value
        if id(node) not in inner and isinstance(at, ast.Name) and at.id in roots:
            found.add(".".join([at.id, *reversed(parts)]))
    return found


def _binds(statement: ast.stmt, name: str) -> bool:
    if isinstance(statement, ast.FunctionDef):
        return statement.name == name
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return any(_name(one) == name for target in targets for one in ast.walk(target))
