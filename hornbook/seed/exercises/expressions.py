"""Parsing and languages / calculators with precedence"""

import re
from typing import Any


def dice_range(notation: str) -> tuple[int, int]:
    """Board gamers write "2d6+3" for the sum of two six-sided dice and three. Parts are joined by "+" without blanks,
    and each is a plain number or COUNTdSIDES; a missing count means one die. Return the smallest and the largest sum
    that can be thrown.

    >>> dice_range("2d6+3")
    (5, 15)
    >>> dice_range("d20")
    (1, 20)
    """
    low = high = 0
    for part in notation.split("+"):
        count, d, sides = part.partition("d")
        dice = int(count or 1)
        low += dice
        high += dice * int(sides) if d else dice
    return low, high


def test_dice_range() -> None:
    assert dice_range("7") == (7, 7)
    assert dice_range("3d4") == (3, 12)
    assert dice_range("d6+d8+d10") == (3, 24)
    assert dice_range("1+2d10+1") == (4, 22)
    assert dice_range("10d1") == (10, 10)


def pocket_calculator(keys: str) -> int:
    """A cheap calculator knows nothing of multiplication before addition: it works out each step at once. The keys are
    whole numbers and the signs + - * in turn, parted by blanks. Return what it shows in the end; a sign at the very
    end has nothing to work on yet and is not heard.

    >>> pocket_calculator("2 + 3 * 4")
    20
    >>> pocket_calculator("10 - 4 -")
    6
    """
    first, *rest = keys.split()
    shown = int(first)
    # Not strict: a last sign without a number falls away.
    for sign, number in zip(rest[::2], rest[1::2], strict=False):
        if sign == "+":
            shown += int(number)
        elif sign == "-":
            shown -= int(number)
        elif sign == "*":
            shown *= int(number)
        else:
            raise ValueError(f"no such key: {sign}")
    return shown


def test_pocket_calculator() -> None:
    assert pocket_calculator("5") == 5
    assert pocket_calculator("5 +") == 5
    assert pocket_calculator("1 - 2 * 3") == -3
    assert pocket_calculator("2 * 3 + 4 * 5 - 1") == 49
    try:
        pocket_calculator("8 / 2")
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def tokens(formula: str) -> list[str]:
    """Before a formula can be understood it is cut into tokens: numbers such as "12" or "0.5", names of small letters,
    and the single signs + - * / ( ). Blanks only part tokens. Any other sign is a ValueError that says "unexpected X
    at N", where N counts from 1.

    >>> tokens("3*(rate+0.25)")
    ['3', '*', '(', 'rate', '+', '0.25', ')']
    >>> tokens("2 & 3")
    Traceback (most recent call last):
        ...
    ValueError: unexpected & at 3
    """
    found = []
    place = 0
    # Each match begins exactly where the last one ended, so nothing is skipped unseen.
    pattern = re.compile(r"\s+|\d+(?:\.\d+)?|[a-z]+|[-+*/()]")
    while place < len(formula):
        match = pattern.match(formula, place)
        if match is None:
            raise ValueError(f"unexpected {formula[place]} at {place + 1}")
        if not match[0].isspace():
            found.append(match[0])
        place = match.end()
    return found


def test_tokens() -> None:
    assert tokens("") == []
    assert tokens(" 1  2 ") == ["1", "2"]
    assert tokens("2x-y2") == ["2", "x", "-", "y", "2"]
    assert tokens("((1.5))/ab") == ["(", "(", "1.5", ")", ")", "/", "ab"]
    messages = []
    for wrong in ("a+B", "1.", "#"):
        try:
            tokens(wrong)
        except ValueError as error:
            messages.append(str(error))
    assert messages == ["unexpected B at 3", "unexpected . at 2", "unexpected # at 1"]


def paper_stack(program: str) -> list[int]:
    """A sorter with numbered slips of paper follows words from left to right. A number is put on the stack; "add",
    "sub" and "mul" take the two topmost slips and put the result of lower and upper on the stack; "dup" puts a copy of
    the top slip on it, and "swap" exchanges the two topmost. Return the stack, bottom first. If slips are missing, or
    for an unknown word, raise ValueError with the number of the word, counted from 1.

    >>> paper_stack("7 2 sub dup mul")
    [25]
    >>> paper_stack("1 add")
    Traceback (most recent call last):
        ...
    ValueError: cannot do word 2
    """
    stack: list[int] = []
    for number, word in enumerate(program.split(), start=1):
        try:
            if word.lstrip("-").isdigit():
                stack.append(int(word))
            elif word == "dup":
                stack.append(stack[-1])
            else:
                upper, lower = stack.pop(), stack.pop()
                results = {"add": [lower + upper], "sub": [lower - upper], "mul": [lower * upper]}
                stack += [upper, lower] if word == "swap" else results[word]
        except LookupError:
            raise ValueError(f"cannot do word {number}") from None
    return stack


def test_paper_stack() -> None:
    assert paper_stack("") == []
    assert paper_stack("1 2 3") == [1, 2, 3]
    assert paper_stack("-4 6 add 3 mul") == [6]
    assert paper_stack("1 5 swap sub") == [4]
    assert paper_stack("2 dup dup mul mul") == [8]
    messages = []
    for wrong in ("dup", "1 2 divide", "1 2 add mul", "3 swap"):
        try:
            paper_stack(wrong)
        except ValueError as error:
            messages.append(str(error)[-1])
    assert messages == ["1", "3", "4", "2"]


def tree_value(tree: Any, names: dict[str, int]) -> int:
    """A formula can be kept as a tree: a number, a name, or a tuple (left, sign, right) whose sides are trees again;
    the signs are "+", "-", "*" and "max". Work out its value, with the values of the names given. An unknown name is a
    KeyError, an unknown sign a ValueError.

    >>> tree_value((("width", "+", 2), "*", 3), {"width": 5})
    21
    >>> tree_value(("a", "max", ("b", "-", 1)), {"a": 4, "b": 9})
    8
    """
    if isinstance(tree, int):
        return tree
    if isinstance(tree, str):
        return names[tree]
    left, sign, right = tree
    one, other = tree_value(left, names), tree_value(right, names)
    if sign == "max":
        return max(one, other)
    if sign not in ("+", "-", "*"):
        raise ValueError(f"unknown sign {sign!r}")
    return {"+": one + other, "-": one - other, "*": one * other}[sign]


def test_tree_value() -> None:
    assert tree_value(7, {}) == 7
    assert tree_value("x", {"x": -1}) == -1
    assert tree_value((2, "-", (3, "-", 4)), {}) == 3
    assert tree_value(((2, "-", 3), "-", 4), {}) == -5
    assert tree_value((("n", "*", "n"), "max", (1, "+", "n")), {"n": 1}) == 2
    errors = []
    for wrong in ("y", (1, "/", 2)):
        try:
            tree_value(wrong, {"x": 1})
        except (KeyError, ValueError) as error:
            errors.append(type(error).__name__)
    assert errors == ["KeyError", "ValueError"]


def fewest_brackets(tree: Any) -> str:
    """Write a formula tree as text with blanks around the signs and no bracket that is not needed. A tree is a number,
    a name, or (left, sign, right) with "+", "-" or "*". Read without brackets, "*" comes before "+" and "-", and
    equals go from left to right, so a right side with "+" or "-" needs brackets behind a "-", while behind a "+" it
    does not. A product of products never needs any.

    >>> fewest_brackets(((1, "+", "x"), "*", 3))
    '(1 + x) * 3'
    >>> fewest_brackets((1, "+", ("x", "*", 3))), fewest_brackets((9, "-", (4, "-", 2)))
    ('1 + x * 3', '9 - (4 - 2)')
    """
    if not isinstance(tree, tuple):
        return str(tree)
    left, sign, right = tree

    def side(part: Any, signs_in_brackets: str) -> str:
        text = fewest_brackets(part)
        needed = isinstance(part, tuple) and part[1] in signs_in_brackets
        return f"({text})" if needed else text

    weak = "+-" if sign == "*" else ""
    return f"{side(left, weak)} {sign} {side(right, '+-' if sign == '-' else weak)}"


def test_fewest_brackets() -> None:
    assert fewest_brackets(5) == "5"
    assert fewest_brackets((("a", "-", "b"), "-", "c")) == "a - b - c"
    assert fewest_brackets(("a", "+", ("b", "-", "c"))) == "a + b - c"
    assert fewest_brackets(("a", "-", ("b", "+", "c"))) == "a - (b + c)"
    assert fewest_brackets(("a", "-", ("b", "*", "c"))) == "a - b * c"
    assert fewest_brackets(("a", "*", ("b", "*", ("c", "+", 1)))) == "a * b * (c + 1)"
    assert fewest_brackets((("a", "+", 1), "*", ("b", "-", 2))) == "(a + 1) * (b - 2)"


def formula_value(formula: str) -> int:
    """Work out a formula of whole numbers, + - * and round brackets, with blanks anywhere between them. Multiplication
    comes before addition and subtraction, and equals go from left to right. A sign before a number or bracket, as in
    "-3" or "2*-(4)", is allowed. Whatever is not a complete formula is a ValueError; do not use eval.

    >>> formula_value("2 + 3 * (7 - 4)")
    11
    >>> formula_value("-(1 - 5) * -2")
    -8
    """
    left = list(formula.replace(" ", ""))[::-1]

    # Each function eats from the end of `left` what belongs to it: a sum of products of factors.
    def total() -> int:
        value = product()
        while left and left[-1] in "+-":
            value += product() if left.pop() == "+" else -product()
        return value

    def product() -> int:
        value = factor()
        while left and left[-1] == "*":
            left.pop()
            value *= factor()
        return value

    def factor() -> int:
        if not left:
            raise ValueError("the formula breaks off")
        sign = left.pop()
        if sign == "-":
            return -factor()
        if sign == "(":
            value = total()
            if not left or left.pop() != ")":
                raise ValueError("a bracket is never closed")
            return value
        digits = sign
        while left and left[-1].isdigit():
            digits += left.pop()
        return int(digits)

    value = total()
    if left:
        raise ValueError(f"{left[-1]} is one too many")
    return value


def test_formula_value() -> None:
    assert formula_value("42") == 42
    assert formula_value("10 - 4 - 3") == 3
    assert formula_value("2*3+4*5") == 26
    assert formula_value("2 * (3 + 4) * 5") == 70
    assert formula_value("--5 - -(2*3)") == 11
    assert formula_value("((((1))))+1") == 2
    refused = []
    for wrong in ("", "1 +", "(2", "2)", "3 4 *", "x", "()", "1*/2"):
        try:
            formula_value(wrong)
        except ValueError:
            refused.append(wrong)
    assert len(refused) == 8
