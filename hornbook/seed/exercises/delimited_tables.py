"""Text and files / tables with separators"""

import csv
import io
from typing import Any


def read_roster(text: str) -> list[dict[str, str]]:
    """A roster is written with semicolons, its first line naming the columns. Return one dict for each further line
    that is not empty, with blanks around the cells removed; missing cells at the end of a line are "".

    >>> read_roster("name; shift\\nAda; late\\nBob")
    [{'name': 'Ada', 'shift': 'late'}, {'name': 'Bob', 'shift': ''}]
    >>> read_roster("name;shift")
    []
    """
    header, *lines = text.splitlines()
    columns = [cell.strip() for cell in header.split(";")]
    people = []
    for line in lines:
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(";")]
        cells += [""] * (len(columns) - len(cells))
        people.append(dict(zip(columns, cells, strict=False)))
    return people


def test_read_roster() -> None:
    assert read_roster("name; shift\nAda; late\nBob") == [
        {"name": "Ada", "shift": "late"},
        {"name": "Bob", "shift": ""},
    ]
    assert read_roster("a;b\n\n1;2\n   \n3;4") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    assert read_roster("a;b\n;x") == [{"a": "", "b": "x"}]
    assert read_roster("a\n1;2") == [{"a": "1"}]
    assert read_roster("a;b") == []


def column_types(rows: list[list[str]]) -> list[str]:
    """Guess the type of each column of a table without header: "int" if every cell reads as a whole number, else
    "float" if every cell reads as a number, else "text". Empty cells fit any type, and a column of nothing but empty
    cells is "text". All rows are equally long.

    >>> column_types([["1", "2.5", "x"], ["-3", "", "4"]])
    ['int', 'float', 'text']
    >>> column_types([[""]])
    ['text']
    """

    def reads_as(convert: Any, cells: list[str]) -> bool:
        try:
            for cell in cells:
                convert(cell)
        except ValueError:
            return False
        return bool(cells)

    kinds = []
    for column in zip(*rows, strict=True):
        filled = [cell for cell in column if cell]
        if reads_as(int, filled):
            kinds.append("int")
        else:
            kinds.append("float" if reads_as(float, filled) else "text")
    return kinds


def test_column_types() -> None:
    assert column_types([["1", "2.5", "x"], ["-3", "", "4"]]) == ["int", "float", "text"]
    assert column_types([["1"], ["2.0"]]) == ["float"]
    assert column_types([["1e3", "007"]]) == ["float", "int"]
    assert column_types([["", "1"], ["", ""]]) == ["text", "int"]
    assert column_types([]) == []


def split_quoted(line: str) -> list[str]:
    """Cut a line at its commas, but not at commas inside double quotes. The quotes themselves are dropped, and two
    quotes in a row inside a quoted cell stand for one. A quote that is never closed is a ValueError.

    >>> split_quoted('Ulm,"Tea, green",3')
    ['Ulm', 'Tea, green', '3']
    >>> split_quoted('"say ""hi"" now",')
    ['say "hi" now', '']
    """
    cells = [""]
    quoted = False
    position = 0
    while position < len(line):
        sign = line[position]
        if sign == '"' and quoted and line[position + 1 : position + 2] == '"':
            cells[-1] += '"'
            position += 1
        elif sign == '"':
            quoted = not quoted
        elif sign == "," and not quoted:
            cells.append("")
        else:
            cells[-1] += sign
        position += 1
    if quoted:
        raise ValueError("a quote is never closed")
    return cells


def test_split_quoted() -> None:
    assert split_quoted('Ulm,"Tea, green",3') == ["Ulm", "Tea, green", "3"]
    assert split_quoted('"say ""hi""",') == ['say "hi"', ""]
    assert split_quoted("") == [""]
    assert split_quoted('"",","') == ["", ","]
    assert split_quoted(",,") == ["", "", ""]
    try:
        split_quoted('a,"b')
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def group_totals(text: str, by: str, value: str) -> dict[str, int]:
    """From a comma-separated table with a header, add up the whole numbers of one column for each entry of another
    column. Use the csv module, so that quoted cells work. Keep the order in which the entries first appear.

    >>> group_totals("fruit,kg\\npear,3\\nfig,1\\npear,4\\n", by="fruit", value="kg")
    {'pear': 7, 'fig': 1}
    >>> group_totals("fruit,kg\\n", by="fruit", value="kg")
    {}
    """
    totals: dict[str, int] = {}
    for row in csv.DictReader(io.StringIO(text)):
        totals[row[by]] = totals.get(row[by], 0) + int(row[value])
    return totals


def test_group_totals() -> None:
    table = 'kg,fruit,shop\n3,pear,"A, B"\n1,fig,C\n-4,pear,C\n'
    assert group_totals(table, "fruit", "kg") == {"pear": -1, "fig": 1}
    assert group_totals(table, "shop", "kg") == {"A, B": 3, "C": -3}
    assert list(group_totals("k,v\nz,1\na,1\n", "k", "v")) == ["z", "a"]
    try:
        group_totals(table, "colour", "kg")
    except KeyError:
        pass
    else:
        raise AssertionError("expected KeyError")


def fixed_width(line: str, widths: list[int]) -> list[str]:
    """Old tables have no separators: each column has a fixed width. Cut a line accordingly and remove blanks around
    the cells. What stands beyond the last column is an error (ValueError) unless it is blank; a line that ends too
    early gives empty cells.

    >>> fixed_width("Ulm   120  7", [6, 4, 2])
    ['Ulm', '120', '7']
    >>> fixed_width("Ulm", [2, 2, 2])
    ['Ul', 'm', '']
    """
    cells = []
    start = 0
    for width in widths:
        cells.append(line[start : start + width].strip())
        start += width
    if line[start:].strip():
        raise ValueError(f"unexpected text: {line[start:]!r}")
    return cells


def test_fixed_width() -> None:
    assert fixed_width("Ulm   120  7", [6, 4, 2]) == ["Ulm", "120", "7"]
    assert fixed_width("abc", [1, 1, 1]) == ["a", "b", "c"]
    assert fixed_width("ab   ", [1, 1]) == ["a", "b"]
    assert fixed_width("", [3]) == [""]
    try:
        fixed_width("abc", [1, 1])
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def pivot(rows: list[tuple[str, str, int]]) -> list[list[Any]]:
    """Turn sales (shop, month, amount) into a table: the first row is "" and then all months in the order of first
    appearance; each further row is a shop, in the same kind of order, and its sum for each month, 0 where there is
    none.

    >>> pivot([("Ulm", "May", 5), ("Bonn", "June", 1), ("Ulm", "May", 2)])
    [['', 'May', 'June'], ['Ulm', 7, 0], ['Bonn', 0, 1]]
    >>> pivot([])
    [['']]
    """
    months = list(dict.fromkeys(month for _, month, _ in rows))
    sums: dict[str, dict[str, int]] = {}
    for shop, month, amount in rows:
        by_month = sums.setdefault(shop, dict.fromkeys(months, 0))
        by_month[month] += amount
    return [["", *months], *([shop, *by_month.values()] for shop, by_month in sums.items())]


def test_pivot() -> None:
    assert pivot([("Ulm", "May", 5), ("Bonn", "June", 1), ("Ulm", "May", 2)]) == [
        ["", "May", "June"],
        ["Ulm", 7, 0],
        ["Bonn", 0, 1],
    ]
    assert pivot([]) == [[""]]
    assert pivot([("b", "y", 1), ("a", "x", 2), ("b", "x", 3)]) == [["", "y", "x"], ["b", 1, 3], ["a", 0, 2]]
    assert pivot([("a", "x", -1), ("a", "x", 1)]) == [["", "x"], ["a", 0]]


def join_tables(people: list[dict[str, Any]], rooms: list[dict[str, Any]], on: str) -> list[dict[str, Any]]:
    """Join two lists of records as a database does: for each record of the first list and each record of the second
    with the same value under `on`, make one record with the fields of both. A field that both sides have, other than
    `on`, keeps the value of the first. Records without the field take no part.

    >>> join_tables([{"id": 1, "name": "Ada"}], [{"id": 1, "room": 7}, {"id": 2, "room": 8}], on="id")
    [{'id': 1, 'room': 7, 'name': 'Ada'}]
    >>> join_tables([{"id": 1}], [], on="id")
    []
    """
    # An index makes the join take one step for each match rather than one for each pair.
    index: dict[Any, list[dict[str, Any]]] = {}
    for room in rooms:
        if on in room:
            index.setdefault(room[on], []).append(room)
    return [{**room, **person} for person in people if on in person for room in index.get(person[on], [])]


def test_join_tables() -> None:
    people = [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Bob"}, {"name": "Eve"}]
    rooms = [{"id": 2, "room": 7}, {"id": 2, "room": 8}, {"room": 9}]
    assert join_tables(people, rooms, "id") == [
        {"id": 2, "name": "Bob", "room": 7},
        {"id": 2, "name": "Bob", "room": 8},
    ]
    assert join_tables([{"k": 1, "v": "mine"}], [{"k": 1, "v": "yours"}], "k") == [{"k": 1, "v": "mine"}]
    assert join_tables([], rooms, "id") == []
    assert join_tables(people, rooms, "nothing") == []
