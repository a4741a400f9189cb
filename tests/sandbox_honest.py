"""Correct programs for the sandbox's tests, which run beside hostile ones and must pass.

HONEST: programs with tests that need something to cross between the processes. CLASSES: programs
with classes that the tests call. sandbox_kinds.py has longer ones.
"""

from __future__ import annotations

# name -> program, tests
HONEST: dict[str, tuple[str, str]] = {
    "plain data": (
        "def f(*a): return a",
        "assert f(1, 1.5, 'x', None, True, b'y', {1: (2,)}, {3}) == (1, 1.5, 'x', None, True, b'y', {1: (2,)}, {3})",
    ),
    "types kept apart": (
        "def f(x): return x",
        "assert type(f((1,))) is tuple and type(f(True)) is bool and type(f(1.0)) is float",
    ),
    "an argument changed in place": (
        "def f(x): x.sort()",
        "l = [3, 1]\nassert f(l) is None and l == [1, 3]",
    ),
    "the same list returned": (
        "def f(x):\n    x.append(1)\n    return x",
        "l = []\nassert f(l) is l and l == [1]",
    ),
    "a nested argument changed": (
        "def f(x): x['a'][0].add(2)",
        "d = {'a': [{1}]}\nf(d)\nassert d == {'a': [{1, 2}]}",
    ),
    "a generator": ("def f(n):\n    yield from range(n)", "assert list(f(3)) == [0, 1, 2]"),
    "an iterator of zip": ("def f(a, b): return zip(a, b)", "assert list(f([1], [2])) == [(1, 2)]"),
    "an exception by its class": (
        "def f(x): return [][x]",
        "try:\n    f(1)\nexcept IndexError as e:\n    assert 'range' in str(e)\nelse:\n    assert False",
    ),
    "an exception of its own": (
        "class Bad(ValueError): pass\ndef f(x): raise Bad('no')",
        "try:\n    f(1)\nexcept ValueError as e:\n    assert str(e) == 'no'\nelse:\n    assert False",
    ),
    "a callback": ("def f(g, x): return g(g(x))", "assert f(lambda y: y * 2, 3) == 12"),
    "a function returned": ("def f(n): return lambda x: x + n", "assert f(2)(3) == 5"),
    "a key function of a builtin": (
        "def f(k): return sorted(['bb', 'a'], key=k)",
        "assert f(len) == ['a', 'bb']",
    ),
    "an object with methods": (
        "class Stack:\n    def __init__(self): self.items = []\n    def push(self, x): self.items.append(x)\n"
        "    def __len__(self): return len(self.items)\ndef f(): return Stack()",
        "s = f()\ns.push(1)\ns.push(2)\nassert len(s) == 2 and s.items == [1, 2]",
    ),
    "a named tuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(): return P(1, 2)",
        "assert f() == (1, 2) and f().x == 1 and f()[1] == 2",
    ),
    "a dataclass's field": (
        "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\ndef f(): return P(4)",
        "assert f().x == 4",
    ),
    "decimals and fractions": (
        "from fractions import Fraction\ndef f(x): return Fraction(x, 3)",
        "from fractions import Fraction\nassert f(2) == Fraction(2, 3)",
    ),
    "a big integer": ("def f(x): return x ** 100", "assert f(10) == 10 ** 100"),
    "no number and infinity": (
        "def f(): return [float('inf'), float('nan')]",
        "a, b = f()\nassert a == float('inf') and b != b",
    ),
    "text beyond the first plane": (
        "def f(x): return x[::-1]",
        "assert f('a\\U0001f600\\ud800') == '\\ud800\\U0001f600a'",
    ),
    "a node of the tests' own class": (
        "def f(n):\n    total = 0\n    while n:\n        total, n = total + n.val, n.next\n    return total",
        "class Node:\n    def __init__(self, val, next=None): self.val, self.next = val, next\n"
        "assert f(Node(1, Node(2))) == 3",
    ),
    "a wait that is longer than the CPU limit": (
        "import time\ndef f(x):\n    time.sleep(1.5)\n    return x",
        "assert f(1) == 1",
    ),
    "a helper that prints": (
        "def f(x):\n    print('noise' * 100_000)\n    return x",
        "assert f(1) == 1",
    ),
    "threads": (
        "import threading\ndef f(n):\n    out = []\n"
        "    ts = [threading.Thread(target=out.append, args=(i,)) for i in range(n)]\n"
        "    [t.start() for t in ts]\n    [t.join() for t in ts]\n    return sorted(out)",
        "assert f(5) == [0, 1, 2, 3, 4]",
    ),
    "asyncio": (
        "import asyncio\nasync def g():\n    await asyncio.sleep(0)\n    return 5\ndef f(): return asyncio.run(g())",
        "assert f() == 5",
    ),
    "a main block that would fail": (
        "def f(x): return x\nif __name__ == '__main__':\n    input()",
        "assert f(1) == 1",
    ),
    "an argument inside the result": ("def f(x): return [1, x]", "x = {}\nassert f(x)[1] is x"),
    "names that the program imports": (
        "import math\nfrom datetime import date\ndef f(d): return d.replace(day=1)",
        "assert f(date(2024, 5, 20)) == date(2024, 5, 1) and math.pi > 3",
    ),
    "a chain of 5,000 links": (
        "def f(n):\n    count = 0\n    while n:\n        count, n = count + 1, n['next']\n    return count",
        "n = None\nfor _ in range(5_000): n = {'next': n}\nassert f(n) == 5_000",
    ),
    "a decorator that keeps the name": (
        "import functools\ndef f(g):\n    @functools.wraps(g)\n    def inner(*a): return g(*a) + 1\n    return inner",
        "def one(): return 1\nassert f(one)() == 2 and f(one).__name__ == 'one'",
    ),
    "an async function": (
        "import asyncio\nasync def f(x):\n    await asyncio.sleep(0.001)\n    return x",
        "import asyncio\nasync def both(): return await asyncio.gather(f(1), f(2))\n"
        "assert asyncio.run(both()) == [1, 2]",
    ),
    "what it prints": (
        "def f(x): print('hello', x)",
        "import contextlib, io\nwith contextlib.redirect_stdout(io.StringIO()) as out: f(1)\n"
        "assert out.getvalue() == 'hello 1\\n'",
    ),
    "a context that sees an exception": (
        "from contextlib import contextmanager\n@contextmanager\ndef f(seen):\n    try: yield 1\n"
        "    except KeyError: seen.append('key')",
        "seen = []\ncontext = f(seen)\nwith context as x:\n    assert x == 1\n    raise KeyError",
    ),
    "an exception of a standard module": (
        "import json, queue\ndef f(x): return json.loads(x) if x else queue.Queue().get_nowait()",
        "import json, queue\nfor text, kind in (('{', json.JSONDecodeError), ('', queue.Empty)):\n"
        "    try: f(text)\n    except kind: pass\n    else: assert False",
    ),
    "its documentation": (
        "def f():\n    'Nothing.'",
        "assert f.__doc__ == 'Nothing.' and f.__name__ == 'f'",
    ),
    "an integer of 200,000 digits": ("def f(n): return 10**n", "assert f(200_000) == 10**200_000"),
    "a generator that is sent values": (
        "def f():\n    total = 0\n    while True: total += yield total",
        "g = f()\nassert next(g) == 0 and g.send(3) == 3 and g.send(4) == 7",
    ),
}

# name -> program, tests, entry point
CLASSES: dict[str, tuple[str, str, str]] = {
    "arithmetic and order": (
        "class Vector:\n    def __init__(s, *a): s.a = a\n"
        "    def __add__(s, o): return Vector(*map(sum, zip(s.a, o.a)))\n"
        "    def __mul__(s, k): return Vector(*(x * k for x in s.a))\n    __rmul__ = __mul__\n"
        "    def __eq__(s, o): return s.a == o.a\n    def __lt__(s, o): return s.a < o.a\n"
        "    def __abs__(s): return sum(x * x for x in s.a) ** 0.5\n    def __hash__(s): return hash(s.a)",
        "v = Vector(1, 2)\nassert v + v == Vector(2, 4) == v * 2 == 2 * v and v < v * 3 * 2\n"
        "assert abs(Vector(3, 4)) == 5 and len({v, Vector(1, 2)}) == 1 and sorted([v * 2, v])[0] == v",
        "Vector",
    ),
    "changed in place by operators": (
        "class Bag:\n    def __init__(s): s.items = []\n    def __iadd__(s, x):\n        s.items.append(x)\n"
        "        return s\n    def __len__(s): return len(s.items)\n    def __getitem__(s, i): return s.items[i]",
        "b = Bag()\nb += 3\nb += 4\nassert len(b) == 2 and b[0] == 3 and b[0:2] == [3, 4] and list(b) == [3, 4]",
        "Bag",
    ),
    "a dataclass": (
        "from dataclasses import dataclass\n@dataclass(order=True)\nclass Point:\n    x: int\n    y: int = 0",
        "assert Point(1) == Point(1, 0) and Point(1) < Point(2) and repr(Point(1)) == 'Point(x=1, y=0)'",
        "Point",
    ),
    "an enumeration": (
        "import enum\nclass Colour(enum.Enum):\n    RED = 1\n    BLUE = 2",
        "assert Colour['RED'] is Colour.RED and Colour(2).name == 'BLUE' and [c.value for c in Colour] == [1, 2]",
        "Colour",
    ),
}
