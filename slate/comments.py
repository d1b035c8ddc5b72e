"""The catalogue's text: the comments that stand beside or above a definition's names."""

import ast
import inspect
import io
import re
import textwrap
import tokenize

# What tools are told, and not people.
_DIRECTIVE = re.compile(
    r"#+\s*(?:type:\s*ignore|noqa|fmt:|(?:isort|mypy|pragma|pylint|pyright|ruff|ty):\s)[^#]*"
)


def comments(cls: type) -> dict[str, str]:
    """The comment of each name assigned or annotated in a class body.

    A comment on the name's own lines wins; else the lines of comment right above it are taken.
    What is written for tools, as ``# noqa``, is left out.
    A class whose source is not at hand (typed at a prompt) has none.
    """
    try:
        source = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError):
        return {}
    text: dict[int, str] = {}
    alone: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            text[token.start[0]] = _DIRECTIVE.sub("", token.string).lstrip("#: ").rstrip()
            if not token.line[: token.start[1]].strip():
                alone.add(token.start[0])
    body = ast.parse(source).body[0]
    found: dict[str, str] = {}
    for node in getattr(body, "body", []):
        name = _name(node)
        if name is None:
            continue
        beside = [text[line] for line in range(node.lineno, node.end_lineno + 1) if line in text]
        above: list[str] = []
        line = node.lineno - 1
        while line in alone:
            above.insert(0, text[line])
            line -= 1
        doc = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
        found[name] = doc or " ".join(filter(None, beside)) or " ".join(filter(None, above))
    return {name: comment for name, comment in found.items() if comment}


def _name(node: ast.stmt) -> str | None:
    if isinstance(node, ast.FunctionDef):
        return node.name
    target: ast.expr | None = node.target if isinstance(node, ast.AnnAssign) else None
    if isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    return target.id if isinstance(target, ast.Name) else None
