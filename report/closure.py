"""The definitions of the project that a run can reach, found in the sources, and the fingerprint made of them.

`definitions` starts at the function that performs a run and follows the names in its code, the attributes that it takes
of project modules, and so on for each definition found. Comments, docstrings and type hints do not count.
"""

import ast
import functools
import hashlib
import importlib.util
import inspect
import io
import itertools
import json
import tokenize
from pathlib import Path

STATEMENTS = "(statements)"  # of a module that define no name
IMPORTS = (ast.Import, ast.ImportFrom)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def essence(source):
    """The Python source without comments, docstrings, type hints and blank lines, the same on every Python version."""
    content = source.encode()
    lines = [*itertools.accumulate(map(len, content.splitlines(keepends=True)), initial=0)]  # where each begins

    def start(node):
        return lines[node.lineno - 1] + node.col_offset

    def end(node):
        return lines[node.end_lineno - 1] + node.end_col_offset

    cuts = []  # (first byte, byte after the last)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) and ast.get_docstring(node) is not None:
            cuts.append((start(node.body[0]), end(node.body[0])))
        if isinstance(node, ast.arg) and node.annotation:
            cuts.append((start(node) + len(node.arg.encode()), end(node.annotation)))
        if isinstance(node, ast.AnnAssign):
            cuts.append((end(node.target), end(node.annotation)))
        if isinstance(node, ast.FunctionDef) and node.returns:
            cuts.append((content.rfind(b"->", 0, start(node.returns)), end(node.returns)))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            first = lines[token.start[0] - 1] + len(token.line[: token.start[1]].encode())
            cuts.append((first, first + len(token.string.encode())))
    for first, last in sorted(cuts, reverse=True):
        content = content[:first] + content[last:]
    return "\n".join(line.rstrip() for line in content.decode().split("\n") if line.strip())


def dotted(path, root):
    """The name under which a module is imported from the folder `root`."""
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


class Module:
    """A module of the project as its source says: `defined` {name: statements} and `imported` {name: dotted name}.

    Statements that define nothing stand under STATEMENTS: whoever reaches the module reaches them.
    """

    def __init__(self, path, root):
        self.name, self.path, self.root = dotted(path, root), path, root
        self.package = ".".join(path.parent.relative_to(root).parts)
        self.lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        self.defined, self.imported = {}, {}
        for node in ast.parse("".join(self.lines)).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            script = isinstance(node, ast.If) and "__name__" in ast.dump(node.test)
            if not docstring and not script:
                self.add(node)

    def add(self, node):
        names = [*stored(node)]
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            for each in ast.walk(node):
                self.imported |= self.imports(each)
        if not isinstance(node, IMPORTS):
            for name in names or [STATEMENTS]:
                self.defined.setdefault(name, []).append(node)

    def imports(self, node):
        """{name: dotted name that it stands for} of an import statement; nothing of other nodes."""
        if isinstance(node, ast.Import):
            first = {a.name.partition(".")[0] for a in node.names if not a.asname}
            return {name: name for name in first} | {a.asname: a.name for a in node.names if a.asname}
        if isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), self.package)
            return {a.asname or a.name: f"{base}.{a.name}" for a in node.names}
        return {}

    def source(self, node):
        first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        return essence("".join(self.lines[first - 1 : node.end_lineno]))


@functools.cache
def find_module(name, root):
    """The project's module of that name below `root`; None if it is another's (torch, say) or there is none."""
    base = root.joinpath(*name.split("."))
    for path in (base.with_suffix(".py"), base / "__init__.py"):
        if path.is_file():
            return Module(path, root)
    return None


def stored(node):
    """Yields the names that `node` gives a value, those within functions and classes left out."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
        yield node.name
    elif not isinstance(node, (ast.Lambda, *COMPREHENSIONS)):
        for child in ast.iter_child_nodes(node):
            yield from stored(child)


def chain(node):
    """["self", "net", "weight"] of self.net.weight; None of what is no name or attribute of one."""
    if isinstance(node, ast.Name):
        return [node.id]
    above = chain(node.value) if isinstance(node, ast.Attribute) else None
    return above and [*above, node.attr]


def references(node, module, bound):
    """Yields the names that `node` takes from outside itself, each as (list of its parts, whether it is absolute).

    `bound` are the names of the functions around it, {name: None, or the dotted name that a local import gives it}.
    """
    if names := chain(node):
        first, *rest = names
        if first not in bound:
            yield names, False
        elif bound[first]:
            yield [*bound[first].split("."), *rest], True
        return
    inside, outside = [*ast.iter_child_nodes(node)], []
    if isinstance(node, (ast.FunctionDef, ast.Lambda)):
        inside = node.body if isinstance(node.body, list) else [node.body]
        outside = [*node.args.defaults, *filter(None, node.args.kw_defaults), *getattr(node, "decorator_list", [])]
        own = {arg.arg: None for arg in ast.walk(node.args) if isinstance(arg, ast.arg)}
        own |= {name: None for statement in inside for name in stored(statement)}
        for each in (each for statement in inside for each in ast.walk(statement)):
            own |= module.imports(each)
            if isinstance(each, ast.Global):
                own = {name: value for name, value in own.items() if name not in each.names}
    elif isinstance(node, COMPREHENSIONS):
        own = {name: None for part in node.generators for name in stored(part.target)}
    else:
        own = {}
        inside = [child for child in inside if child is not getattr(node, "annotation", None)]
    for each in outside:
        yield from references(each, module, bound)
    for each in inside:
        yield from references(each, module, bound | own)


def resolve(names, module):
    """The (module, name) that a dotted name means in `module`; None if it is not the project's."""
    first, *rest = names
    if first in module.defined:
        return module, first
    if first in module.imported:
        return locate([*module.imported[first].split("."), *rest], module.root)
    return None


def locate(names, root):
    """The same of an absolute dotted name; (module, None) if it is that of a module, all of which can be reached."""
    for n in range(1, len(names)):
        module = find_module(".".join(names[:n]), root)
        if module and (found := resolve(names[n:], module)):
            return found
    module = find_module(".".join(names), root)
    return module and (module, None)


@functools.cache
def definition(module, name):
    """(essence, references) of what is called `name` in a module."""
    nodes = module.defined[name]
    return "\n".join(map(module.source, nodes)), [each for node in nodes for each in references(node, module, {})]


@functools.cache
def closure(module, name, root):
    """`definitions` of what is called `name` in the module of that name below the folder `root`."""
    found, pending = {}, [(find_module(module, root), name)]
    while pending:
        module, name = pending.pop()
        for each in {name, STATEMENTS} & module.defined.keys() if name else module.defined:
            if f"{module.name}.{each}" not in found:
                found[f"{module.name}.{each}"], named = definition(module, each)
                reached = (locate(names, root) if absolute else resolve(names, module) for names, absolute in named)
                pending += filter(None, reached)
    return dict(sorted(found.items()))


def place(function):
    """(name of the module that defines a function, the folder from which it is imported)."""
    path = Path(inspect.getsourcefile(function)).resolve()
    root = path.parent
    while (root / "__init__.py").exists():
        root = root.parent
    return dotted(path, root), root


def definitions(function):
    """{"module.name": essence of its source} of every project definition that `function` can reach, itself included.

    `function` stands at the top level of a module of the project. Raises TypeError if it does not.
    """
    module, root = place(function)
    if function.__qualname__ != function.__name__ or function.__name__ not in find_module(module, root).defined:
        raise TypeError(f"{function!r} is not a function at the top level of a module; its code cannot be followed")
    return closure(module, function.__name__, root)


def fingerprint(config, function):
    """16 hex digits of a configuration (JSON-able) and of all that `function`, which performs it, can reach."""
    text = json.dumps([config, definitions(function)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
