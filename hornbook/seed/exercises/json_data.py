"""Text and files / JSON records"""

import json
from typing import Any


def tidy_json(text: str) -> str:
    """Two exports of the same data should give the same text. Rewrite a JSON text with sorted keys, an indent of two
    blanks and characters such as "é" written as themselves.

    >>> tidy_json('{"b":1, "a":"caf\\\\u00e9"}')
    '{\\n  "a": "café",\\n  "b": 1\\n}'
    >>> tidy_json("[]")
    '[]'
    """
    data = json.loads(text)
    return json.dumps(data, indent=2, sort_keys=True, ensure_ascii=False)


def test_tidy_json() -> None:
    assert tidy_json('{"b":1, "a":"caf\\u00e9"}') == '{\n  "a": "café",\n  "b": 1\n}'
    assert tidy_json("[1,[true,null]]") == "[\n  1,\n  [\n    true,\n    null\n  ]\n]"
    assert tidy_json(tidy_json('{"z": {"y": 1, "x": 2}}')) == tidy_json('{"z": {"x": 2, "y": 1}}')
    try:
        tidy_json("{broken")
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def good_lines(text: str) -> tuple[list[Any], list[int]]:
    """Measurements arrive as one JSON value on each line, but the radio link damages some lines. Return the values of
    the good lines and the numbers, from 1, of the bad ones; blank lines are neither.

    >>> good_lines('{"t": 3}\\n{"t": \\n\\n[4]')
    ([{'t': 3}, [4]], [2])
    >>> good_lines("")
    ([], [])
    """
    values = []
    damaged = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError:
            damaged.append(number)
    return values, damaged


def test_good_lines() -> None:
    assert good_lines('{"t": 3}\n{"t": \n\n[4]') == ([{"t": 3}, [4]], [2])
    assert good_lines("1\n2\n3") == ([1, 2, 3], [])
    assert good_lines("oops\n \nnull\n'x'") == ([None], [1, 4])
    assert good_lines("") == ([], [])


def all_paths(data: Any) -> list[str]:
    """List the path of every plain value in nested JSON data: keys follow a dot, list positions stand in square
    brackets, and the whole begins with "$". Empty lists and dicts hold no plain value.

    >>> all_paths({"tea": {"cups": [1, 2]}, "ok": True})
    ['$.tea.cups[0]', '$.tea.cups[1]', '$.ok']
    >>> all_paths(5)
    ['$']
    """

    def walk(value: Any, path: str) -> list[str]:
        if isinstance(value, dict):
            return [found for key, inner in value.items() for found in walk(inner, f"{path}.{key}")]
        if isinstance(value, list):
            return [found for place, inner in enumerate(value) for found in walk(inner, f"{path}[{place}]")]
        return [path]

    return walk(data, "$")


def test_all_paths() -> None:
    assert all_paths({"tea": {"cups": [1, 2]}, "ok": True}) == ["$.tea.cups[0]", "$.tea.cups[1]", "$.ok"]
    assert all_paths([[], {}, [[7]]]) == ["$[2][0][0]"]
    assert all_paths({}) == []
    assert all_paths(None) == ["$"]
    assert all_paths([{"a": "x"}, "y"]) == ["$[0].a", "$[1]"]


def same_shape(one: Any, other: Any) -> bool:
    """Two JSON values have the same shape if they are dicts with the same keys and values of the same shape, or lists,
    or plain values of the same type. The elements of all lists must share the shape of the first element of the
    first list, where there is one.

    >>> same_shape({"x": 1, "tags": ["a"]}, {"tags": [], "x": 2})
    True
    >>> same_shape([1, 2], [3, "four"])
    False
    """
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_shape(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        elements = one + other
        return all(same_shape(elements[0], element) for element in elements)
    return type(one) is type(other)


def test_same_shape() -> None:
    assert same_shape({"x": 1, "tags": ["a"]}, {"tags": [], "x": 2}) is True
    assert same_shape({"x": 1}, {"x": 1, "y": 2}) is False
    assert same_shape({"x": 1}, {"x": True}) is False
    assert same_shape([1, 2], [3, "four"]) is False
    assert same_shape([1, None], []) is False
    assert same_shape([[1], []], [[2, 3]]) is True
    assert same_shape({}, []) is False


def fill_template(template: Any, values: dict[str, Any]) -> Any:
    """Fill in a JSON template: a string that is just "{name}" is replaced by the value of that name, whatever its
    type, and names inside longer strings by their text. Lists and dicts are filled inside, keys stay as they are, and
    an unknown name is a KeyError.

    >>> fill_template({"who": "{name}", "say": ["hi {name}!", 1]}, {"name": "Bo"})
    {'who': 'Bo', 'say': ['hi Bo!', 1]}
    >>> fill_template("{n}", {"n": 3})
    3
    """
    import re

    if isinstance(template, dict):
        return {key: fill_template(inner, values) for key, inner in template.items()}
    if isinstance(template, list):
        return [fill_template(inner, values) for inner in template]
    if not isinstance(template, str):
        return template
    whole = re.fullmatch(r"\{(\w+)\}", template)
    if whole:
        return values[whole[1]]
    return re.sub(r"\{(\w+)\}", lambda match: str(values[match[1]]), template)


def test_fill_template() -> None:
    filled = fill_template({"who": "{name}", "say": ["hi {name}!", 1]}, {"name": "Bo"})
    assert filled == {"who": "Bo", "say": ["hi Bo!", 1]}
    assert fill_template(["{n}", "{n}{n}", "n"], {"n": 3}) == [3, "33", "n"]
    assert fill_template({"{k}": None}, {}) == {"{k}": None}
    assert fill_template("{xs}", {"xs": [1]}) == [1]
    try:
        fill_template("hello {nobody}", {})
    except KeyError:
        pass
    else:
        raise AssertionError("expected KeyError")


def json_diff(old: Any, new: Any, path: str = "") -> list[str]:
    """Describe how one JSON value became another: "+ path" for a key that was added, "- path" for one removed and
    "~ path: old -> new" for a changed plain value, where values are written as JSON. Paths join keys by slashes, keys
    are visited in alphabetical order, and lists are compared as a whole.

    >>> json_diff({"a": 1, "b": {"c": 2}}, {"a": 5, "b": {"d": 2}})
    ['~ /a: 1 -> 5', '- /b/c', '+ /b/d']
    >>> json_diff([1], [1])
    []
    """
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [f"~ {path}: {json.dumps(old)} -> {json.dumps(new)}"]
    changes = []
    for key in sorted(old.keys() | new.keys()):
        inside = f"{path}/{key}"
        if key not in new:
            changes.append(f"- {inside}")
        elif key not in old:
            changes.append(f"+ {inside}")
        else:
            changes += json_diff(old[key], new[key], inside)
    return changes


def test_json_diff() -> None:
    assert json_diff({"a": 1, "b": {"c": 2}}, {"a": 5, "b": {"d": 2}}) == ["~ /a: 1 -> 5", "- /b/c", "+ /b/d"]
    assert json_diff({"x": {"y": 1}}, {"x": "y"}) == ['~ /x: {"y": 1} -> "y"']
    assert json_diff({"l": [1, 2]}, {"l": [2]}) == ["~ /l: [1, 2] -> [2]"]
    assert json_diff({"a": None}, {}) == ["- /a"]
    assert json_diff(1, True) == []
    assert json_diff({}, {"b": 1, "a": 1}) == ["+ /a", "+ /b"]
