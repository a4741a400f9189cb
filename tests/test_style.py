"""Names and layout stay readable: the rules of CONTRIBUTING.md that a script can check.

`python tools/measure_style.py --list` shows the same places on the command line.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
spec = importlib.util.spec_from_file_location("measure_style", ROOT / "tools" / "measure_style.py")
assert spec and spec.loader
measure_style = importlib.util.module_from_spec(spec)
sys.modules["measure_style"] = measure_style
spec.loader.exec_module(measure_style)

# Public functions and methods with one word, each with its reason. At most 40 exceptions in all.
EXCEPTIONS = {
    # The Stage interface (frame/stage.py), which each stage implements.
    "shards": "Stage interface",
    "price": "Stage interface",
    "inputs": "Stage interface",
    # The Reporter protocol (frame/stage.py).
    "begin": "Reporter protocol",
    "advance": "Reporter protocol",
    "say": "Reporter protocol",
    "end": "Reporter protocol",
    # torch.nn.Module, torch.autograd.Function and torch.optim.Optimizer.
    "forward": "torch",
    "backward": "torch",
    "step": "torch",
    # File objects and io.TextIOBase.
    "close": "file objects",
    "read": "file objects",
    "readable": "file objects",
    "readinto": "file objects",
    "readline": "file objects",
    "writable": "file objects",
    "write": "file objects",
    # The names that every tokenizer library has.
    "encode": "tokenizers",
    "decode": "tokenizers",
    "save": "tokenizers",
    # Others' interfaces.
    "invoke": "click.Group",
    "visit": "ast.NodeVisitor",
    # Entry points.
    "main": "console script",
    "named": "public since 0.1: recipes import hornbook.llm.named",
}
RULES = (
    "participle",
    "pro-word",
    "one word",
    "two fors",
    "walrus in comprehension",
    "nested ternary",
    "ternary in f-string",
    "long line",
    "long file",
    "long function",
    "class name twice",
    "shadows the standard library",
)


@pytest.fixture(scope="module")
def places() -> list[object]:
    return list(measure_style.find_all_places())


@pytest.mark.parametrize("rule", RULES)
def test_no_place_breaks_the_rule(rule: str, places: list) -> None:
    broken = [str(place) for place in places if place.rule == rule and place.name not in EXCEPTIONS]
    assert broken == []


def test_exceptions_are_few_have_a_reason_and_are_needed(places: list) -> None:
    assert len(EXCEPTIONS) <= 40
    assert all(EXCEPTIONS.values())
    names = {place.name for place in places}
    assert [name for name in EXCEPTIONS if name not in names] == []


def test_the_measures_stay_within_their_limits() -> None:
    measures = measure_style.measure()
    limits = {
        "one-word functions, %": 45,
        "bare participles, %": 1,
        "pro-words among bound names, %": 0.5,
        "comprehensions with two fors": 0,
        "loose modules": 6,
        "longest file, lines": 399,
        "longest function, lines": 59,
    }
    assert {name: measures[name] for name in limits if measures[name] > limits[name]} == {}
    assert measures["comment lines per 100 code lines"] >= 5


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("def asked(): pass\n", "participle"),
        ("def read_rows():\n    found = 1\n", "pro-word"),
        ("def rows(): pass\n", "one word"),
        ("def read_rows(): return [b for a in x for b in a]\n", "two fors"),
        ("def read_rows(): return [y for a in x if (y := a)]\n", "walrus in comprehension"),
        ("def read_rows(): return 1 if a else 2 if b else 3\n", "nested ternary"),
        ('def read_rows(): return f"{1 if a else 2}"\n', "ternary in f-string"),
        ("# " + 100 * "x" + "\n", "long line"),
        ("x = 1\n" * 400, "long file"),
        ("def read_rows():\n" + "    x = 1\n" * 60, "long function"),
    ],
)
def test_each_rule_is_noticed_when_it_is_broken(source: str, rule: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert rule in {place.rule for place in measure_style.find_places(path, tmp_path)}


def test_a_repeated_class_and_a_shadowed_module_are_noticed(tmp_path: Path) -> None:
    paths = [tmp_path / "statistics.py", tmp_path / "b.py"]
    for path in paths:
        path.write_text("class Same: pass\n")
    assert len(measure_style.find_repeated_classes(paths, tmp_path)) == 2
    rules = {place.rule for place in measure_style.find_places(paths[0], tmp_path)}
    assert "shadows the standard library" in rules
