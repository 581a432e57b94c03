"""Every code in use is documented, and nothing else is."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
import tomli

import npuspec
from npuspec.compilers.messages import message_table
from npuspec.diagnostics.codes import (
    CODES,
    compilers,
    diff,
    findings,
    model,
    own,
    properties,
    review,
    rules,
    runtime,
    sources,
    spec,
    stages,
)

PACKAGE = Path(npuspec.__file__).parent


def calls_with_a_code(tree: ast.AST) -> Iterator[ast.expr]:
    """Give each expression that is the code of a diagnostic."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id="Diagnostic" | "Fault"), args=[code, *_]):
                yield code
            case ast.Call(func=ast.Name(id="Diagnostic" | "Fault"), keywords=keywords):
                yield from (word.value for word in keywords if word.arg == "code")
            case ast.Dict(keys=keys, values=values):
                yield from (
                    v for k, v in zip(keys, values, strict=True) if isinstance(k, ast.Constant) and k.value == "code"
                )


def literals(code: ast.expr, tree: ast.AST) -> set[str]:
    """Return the codes that an expression may be; empty for one that is passed on from another diagnostic."""
    match code:
        case ast.Constant(value=str(value)):
            return {value}
        case ast.IfExp(body=body, orelse=orelse):
            return literals(body, tree) | literals(orelse, tree)
        case ast.Attribute(attr="code"):
            return set()
        case ast.Name(id=name):
            if any(isinstance(node, ast.MatchAs) and node.name == name for node in ast.walk(tree)):
                return set()
            return set().union(
                *(
                    literals(node.value, tree)
                    for node in ast.walk(tree)
                    if isinstance(node, ast.Assign)
                    and any(isinstance(t, ast.Name) and t.id == name for t in node.targets)
                )
            )
    message = f"line {code.lineno}: a code must be written out, so that it can be found: {ast.unparse(code)}"
    raise AssertionError(message)


def codes_in_use() -> set[str]:
    found: set[str] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        for code in calls_with_a_code(tree):
            found |= literals(code, tree)
    return found | {row.code for row in message_table()}


def test_the_documented_codes_are_those_in_use() -> None:
    used = codes_in_use()
    assert used - CODES.keys() == set(), "undocumented"
    assert CODES.keys() - used == set(), "documented, and raised nowhere"


def test_codes_are_sorted_and_stand_in_one_file_each() -> None:
    parts = (
        spec.SPEC,
        properties.PROPERTIES,
        review.REVIEW,
        diff.DIFF,
        rules.RULES,
        sources.SOURCES,
        model.MODEL,
        stages.STAGES,
        findings.FINDINGS,
        own.OWN,
        runtime.RUNTIME,
        compilers.COMPILERS,
    )
    assert list(CODES) == sorted(CODES)
    assert sum(map(len, parts)) == len(CODES)
    for part in parts:
        assert list(part) == sorted(part)


@pytest.mark.parametrize("code", CODES)
def test_an_explanation_says_why_in_sentences(code: str) -> None:
    doc = CODES[code]
    assert len(doc.why) > 80
    assert doc.why[0].isupper() or doc.why.startswith(("npuspec", "`", "["))
    assert doc.why.endswith(".")
    assert "  " not in doc.why, "a space at the end of one piece, and at the beginning of the next"
    assert not doc.wrong or doc.right, "what is wrong has a mend"
    assert doc.wrong != doc.right or not doc.wrong


def toml_examples() -> list[tuple[str, str]]:
    """Return the examples that are neither a shell's nor Python's."""
    return [
        (code, text)
        for code, doc in CODES.items()
        for text in (doc.wrong, doc.right)
        if text and not text.startswith(("$ ", ">>> ")) and (code, text) != ("toml-syntax", CODES["toml-syntax"].wrong)
    ]


@pytest.mark.parametrize(("code", "text"), toml_examples())
def test_an_example_is_toml(code: str, text: str) -> None:
    assert tomli.loads(text), code


def test_the_example_of_a_syntax_fault_is_one() -> None:
    with pytest.raises(tomli.TOMLDecodeError):
        tomli.loads(CODES["toml-syntax"].wrong)


def test_a_computed_code_would_be_noticed() -> None:
    tree = ast.parse('Diagnostic(f"unknown-{kind}", "")')
    with pytest.raises(AssertionError, match="written out"):
        [literals(code, tree) for code in calls_with_a_code(tree)]
