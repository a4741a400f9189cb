"""Correct programs with tests of every kind that exercises use.

CARRIED and NOT_CARRIED: name -> entry points, the classes among them, program, tests. All of them
pass where program and tests share one process. Those in NOT_CARRIED fail in the sandbox; the
sandbox's header names them as not covered.
"""

# ruff: noqa: E501

from __future__ import annotations

Kind = tuple[tuple[str, ...], tuple[str, ...], str, str]
CARRIED: dict[str, Kind] = {}
NOT_CARRIED: dict[str, Kind] = {}
# Names of the programs that fail in the sandbox.
LOST = {
    "replace and asdict of a dataclass",
    "a subclass in the tests",
    "a subclass that overrides a step",
    "inheritance in the program",
    "a key function of the program",
    "warnings",
    "descriptors, class methods of registries",
    "pattern matching",
}


def add_kind(
    name: str, entry_points: str, program: str, tests: str, classes: tuple[str, ...] = ()
) -> None:
    """Add a program; entry points are separated by spaces."""
    kinds = NOT_CARRIED if name in LOST else CARRIED
    kinds[name] = tuple(entry_points.split()), classes, program.strip("\n"), tests.strip("\n")


add_kind(
    "a decorator with wraps",
    "shout",
    """
import functools
def shout(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        return f(*args, **kwargs).upper()
    return inner
""",
    '''
@shout
def greet(name, greeting="hi"):
    """Greet."""
    return f"{greeting} {name}"
assert greet("bo") == "HI BO" and greet("bo", greeting="yo") == "YO BO"
assert (greet.__name__, greet.__doc__, greet.__wrapped__("x")) == ("greet", "Greet.", "hi x")
''',
)
add_kind(
    "a decorator with settings that counts",
    "limit",
    """
def limit(n):
    def decorate(f):
        def inner(*a):
            if inner.calls >= n: raise RuntimeError("too often")
            inner.calls += 1
            return f(*a)
        inner.calls = 0
        return inner
    return decorate
""",
    """
seen = []
@limit(2)
def note(x):
    seen.append(x)
    return len(seen)
assert note("a") == 1 and note("b") == 2 and note.calls == 2
try:
    note("c")
except RuntimeError as error:
    assert error.args == ("too often",)
else:
    assert False
assert seen == ["a", "b"]
note.calls = 0
assert note("d") == 3
""",
)
add_kind(
    "lru_cache's attributes",
    "fib",
    """
from functools import lru_cache
@lru_cache(maxsize=None)
def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
""",
    """
assert fib(50) == 12586269025
info = fib.cache_info()
assert info.misses == 51 and info.currsize == 51
fib.cache_clear()
assert fib.cache_info().currsize == 0
assert fib.__wrapped__(1) == 1
""",
)
add_kind(
    "a memo that the tests look into",
    "memoize",
    """
def memoize(f):
    cache = {}
    def inner(x):
        if x not in cache: cache[x] = f(x)
        return cache[x]
    inner.cache = cache
    return inner
""",
    """
calls = []
def square(x):
    calls.append(x)
    return x * x
m = memoize(square)
c = m.cache
assert [m(2), m(2), m(3)] == [4, 4, 9] and calls == [2, 3]
assert c == {2: 4, 3: 9} and m.cache is c
c[4] = 99
assert m(4) == 99
del c[2]
assert m(2) == 4 and calls == [2, 3, 2]
""",
)
add_kind(
    "a generator with send, throw and close",
    "averager",
    """
def averager(log):
    total, n, mean = 0, 0, None
    try:
        while True:
            try:
                x = yield mean
            except ValueError as e:
                log.append(f"skipped {e}")
                continue
            total, n = total + x, n + 1
            mean = total / n
    finally:
        log.append("closed")
""",
    """
log = []
g = averager(log)
assert next(g) is None and g.send(4) == 4.0 and g.send(6) == 5.0
assert g.throw(ValueError("bad")) == 5.0
assert log == ["skipped bad"]
g.close()
assert log == ["skipped bad", "closed"]
try:
    next(g)
except StopIteration:
    pass
else:
    assert False
""",
)
add_kind(
    "a generator's return value",
    "run",
    """
def inner(n):
    for i in range(n): yield i
    return n * 10
def run(n):
    got = yield from inner(n)
    return got
""",
    """
g = run(2)
assert [next(g), next(g)] == [0, 1]
try:
    next(g)
    assert False
except StopIteration as stop:
    assert stop.value == 20
def outer():
    r = yield from run(1)
    yield ("got", r)
assert list(outer()) == [0, ("got", 10)]
""",
)
add_kind(
    "a generator that yields one list again and again",
    "windows",
    """
def windows(xs, n):
    window = []
    for x in xs:
        window.append(x)
        if len(window) > n: window.pop(0)
        if len(window) == n: yield window
""",
    """
g = windows([1, 2, 3], 2)
first = next(g)
assert first == [1, 2]
second = next(g)
assert second is first and first == [2, 3]
assert [list(w) for w in windows(iter("abcd"), 3)] == [["a", "b", "c"], ["b", "c", "d"]]
""",
)
add_kind(
    "a pipeline of generators from the tests",
    "double",
    """
def double(source):
    for x in source: yield 2 * x
""",
    """
pulled = []
def source():
    for i in range(5):
        pulled.append(i)
        yield i
g = double(source())
assert next(g) == 0 and pulled == [0]
assert next(g) == 2 and pulled == [0, 1]
assert list(g) == [4, 6, 8]
""",
)
add_kind(
    "a context manager that times a block",
    "Recorder",
    """
class Recorder:
    def __init__(self, events): self.events, self.depth = events, 0
    def __enter__(self):
        self.depth += 1
        self.events.append(("enter", self.depth))
        return self
    def __exit__(self, kind, error, trace):
        self.events.append(("exit", kind.__name__ if kind else None, trace is None))
        self.depth -= 1
""",
    """
events = []
r = Recorder(events)
with r as same:
    assert same is r
    with r:
        events.append("inside")
assert events == [("enter", 1), ("enter", 2), "inside", ("exit", None, True), ("exit", None, True)]
events.clear()
try:
    with r: 1 / 0
except ZeroDivisionError as error:
    assert str(error) == "division by zero"
assert events == [("enter", 1), ("exit", "ZeroDivisionError", False)]
""",
    ("Recorder",),
)
add_kind(
    "contextmanager and ExitStack of the tests",
    "open_box",
    """
from contextlib import contextmanager
@contextmanager
def open_box(box, item):
    box.append(item)
    try:
        yield len(box)
    except KeyError as error:
        box.append(f"caught {error}")
    finally:
        box.remove(item)
""",
    """
from contextlib import ExitStack
box = []
with ExitStack() as stack:
    assert [stack.enter_context(open_box(box, c)) for c in "ab"] == [1, 2]
    assert box == ["a", "b"]
assert box == []
with open_box(box, "k"):
    raise KeyError("z")
assert box == ["caught 'z'"]
try:
    with open_box(box, "v"): raise ValueError("through")
except ValueError as e:
    assert e.args == ("through",)
else:
    assert False
""",
)
add_kind(
    "an iterator class",
    "Countdown",
    """
class Countdown:
    def __init__(self, n): self.n = n
    def __iter__(self): return self
    def __next__(self):
        if self.n <= 0: raise StopIteration
        self.n -= 1
        return self.n + 1
""",
    """
c = Countdown(3)
assert iter(c) is c and list(c) == [3, 2, 1] and list(c) == []
assert sum(Countdown(4)) == 10 and max(Countdown(4)) == 4
a, *b = Countdown(3)
assert (a, b) == (3, [2, 1])
assert dict(zip("ab", Countdown(2))) == {"a": 2, "b": 1}
""",
    ("Countdown",),
)
add_kind(
    "a container class",
    "Bag",
    """
class Bag:
    def __init__(self, items=()): self._items = list(items)
    def __len__(self): return len(self._items)
    def __contains__(self, x): return x in self._items
    def __iter__(self): return iter(self._items)
    def __getitem__(self, i): return self._items[i]
    def __setitem__(self, i, x): self._items[i] = x
    def __delitem__(self, i): del self._items[i]
    def __bool__(self): return bool(self._items)
    def __repr__(self): return f"Bag({self._items!r})"
    def __reversed__(self): return reversed(self._items)
""",
    """
b = Bag("abc")
assert len(b) == 3 and "b" in b and "z" not in b and list(b) == ["a", "b", "c"]
assert b[0] == "a" and b[-1] == "c" and b[1:] == ["b", "c"]
b[0] = "x"
del b[1]
assert repr(b) == "Bag(['x', 'c'])" and f"{b}" == "Bag(['x', 'c'])"
assert list(reversed(b)) == ["c", "x"] and not Bag() and bool(b)
try:
    b[9]
except IndexError:
    pass
else:
    assert False
""",
    ("Bag",),
)
add_kind(
    "an operator class",
    "Vec",
    """
class Vec:
    def __init__(self, x, y): self.x, self.y = x, y
    def __eq__(self, o): return isinstance(o, Vec) and (self.x, self.y) == (o.x, o.y)
    def __hash__(self): return hash((self.x, self.y))
    def __add__(self, o): return Vec(self.x + o.x, self.y + o.y)
    def __sub__(self, o): return Vec(self.x - o.x, self.y - o.y)
    def __mul__(self, k): return Vec(self.x * k, self.y * k)
    __rmul__ = __mul__
    def __neg__(self): return Vec(-self.x, -self.y)
    def __abs__(self): return (self.x ** 2 + self.y ** 2) ** 0.5
    def __iadd__(self, o):
        self.x += o.x; self.y += o.y
        return self
    def __matmul__(self, o): return self.x * o.x + self.y * o.y
    def __bool__(self): return bool(self.x or self.y)
    def __lt__(self, o): return abs(self) < abs(o)
""",
    """
a, b = Vec(3, 4), Vec(1, 2)
assert a + b == Vec(4, 6) and a - b == Vec(2, 2) and 2 * b == b * 2 == Vec(2, 4)
assert -a == Vec(-3, -4) and abs(a) == 5 and a @ b == 11
c = a
a += b
assert c is a and a == Vec(4, 6) and not Vec(0, 0)
assert len({Vec(1, 1), Vec(1, 1)}) == 1 and b < a and sorted([a, b])[0] == b and max(a, b) is a
assert a != "x" and sum([b, b], Vec(0, 0)) == Vec(2, 4)
""",
    ("Vec",),
)
add_kind(
    "a dataclass with order and frozen",
    "Version",
    """
from dataclasses import dataclass, field
@dataclass(order=True, frozen=True)
class Version:
    major: int
    minor: int = 0
    tags: tuple = field(default=(), compare=False)
""",
    """
from dataclasses import FrozenInstanceError, replace, asdict
v = Version(1, 2)
assert v == Version(1, 2, ("x",)) and Version(1) < v < Version(2) and hash(v) == hash(Version(1, 2))
assert repr(v) == "Version(major=1, minor=2, tags=())"
try:
    v.major = 5
except FrozenInstanceError:
    pass
else:
    assert False
assert max(Version(0, 9), v) is v and sorted([v, Version(0)]) == [Version(0), v]
assert {v: 1}[Version(1, 2)] == 1
""",
    ("Version",),
)
add_kind(
    "replace and asdict of a dataclass",
    "Item",
    """
from dataclasses import dataclass, field
@dataclass
class Item:
    name: str
    sizes: list = field(default_factory=list)
""",
    """
from dataclasses import replace, asdict, fields, is_dataclass
i = Item("a", [1])
j = replace(i, name="b")
assert j.name == "b" and j.sizes is i.sizes and asdict(i) == {"name": "a", "sizes": [1]}
assert [f.name for f in fields(Item)] == ["name", "sizes"] and is_dataclass(i)
i.sizes.append(2)
assert i == Item("a", [1, 2]) and j.sizes == [1, 2]
assert Item("x").sizes is not Item("x").sizes
""",
    ("Item",),
)
add_kind(
    "a named tuple",
    "Point make",
    """
from typing import NamedTuple
class Point(NamedTuple):
    x: int
    y: int = 0
    def norm(self): return abs(self.x) + abs(self.y)
def make(n): return [Point(i, -i) for i in range(n)]
""",
    """
p = Point(1, y=2)
assert p == (1, 2) and p.x == 1 and p._asdict() == {"x": 1, "y": 2} and p._replace(x=5) == (5, 2)
x, y = p
assert (x, y) == (1, 2) and p.norm() == 3 and Point._fields == ("x", "y")
assert make(2) == [(0, 0), (1, -1)] and make(2)[1].y == -1
assert isinstance(p, tuple) and sorted(make(3), key=lambda q: q.y)[0].x == 2
""",
    ("Point",),
)
add_kind(
    "members of an Enum",
    "Light next_light",
    """
from enum import Enum, IntEnum, auto
class Light(Enum):
    RED = auto()
    GREEN = auto()
    @property
    def go(self): return self is Light.GREEN
def next_light(l): return Light.GREEN if l is Light.RED else Light.RED
""",
    """
assert next_light(Light.RED) is Light.GREEN and next_light(Light.RED) == Light.GREEN
assert Light.RED.name == "RED" and Light.GREEN.value == 2 and Light(1) is Light.RED and Light["RED"] is Light.RED
assert [l.name for l in Light] == ["RED", "GREEN"] and len(Light) == 2 and Light.GREEN.go and not Light.RED.go
assert isinstance(Light.RED, Light) and Light.RED in {Light.RED: 1} and str(Light.RED) == "Light.RED"
assert Light.RED != Light.GREEN and Light.RED in list(Light)
""",
    ("Light",),
)
add_kind(
    "flags and integers of an Enum",
    "Perm Level",
    """
from enum import Flag, IntEnum, auto
class Perm(Flag):
    R = auto(); W = auto(); X = auto()
class Level(IntEnum):
    LOW = 1
    HIGH = 5
""",
    """
assert (Perm.R | Perm.W) & Perm.W == Perm.W and Perm.R in (Perm.R | Perm.W) and not Perm.R & Perm.W
assert Level.LOW == 1 and Level.HIGH > Level.LOW and Level.HIGH + 1 == 6 and sorted([Level.HIGH, Level.LOW])[0] is Level.LOW
assert Level(5) is Level.HIGH and int(Level.HIGH) == 5
""",
    ("Perm", "Level"),
)
add_kind(
    "properties and slots",
    "Celsius",
    """
class Celsius:
    __slots__ = ("_t",)
    made = 0
    def __init__(self, t):
        self.t = t
        Celsius.made += 1
    @property
    def t(self): return self._t
    @t.setter
    def t(self, value):
        if value < -273.15: raise ValueError("too cold")
        self._t = value
    @property
    def f(self): return self._t * 9 / 5 + 32
    @classmethod
    def freezing(cls): return cls(0)
    @staticmethod
    def unit(): return "C"
""",
    """
c = Celsius(100)
assert c.f == 212
c.t = 0
assert c.f == 32 and Celsius.freezing().t == 0 and Celsius.unit() == "C" and Celsius.made == 2
try:
    c.t = -300
except ValueError as e:
    assert str(e) == "too cold"
else:
    assert False
for bad in ("f", "other"):
    try:
        setattr(c, bad, 1)
    except AttributeError:
        pass
    else:
        assert False, bad
assert hasattr(c, "t") and not hasattr(c, "nothing") and getattr(c, "nothing", 7) == 7
""",
    ("Celsius",),
)
add_kind(
    "a subclass in the tests",
    "Shape",
    """
from abc import ABC, abstractmethod
class Shape(ABC):
    def __init__(self, name): self.name = name
    @abstractmethod
    def area(self): ...
    def describe(self): return f"{self.name}: {self.area():.1f}"
""",
    """
class Square(Shape):
    def __init__(self, side):
        super().__init__("square")
        self.side = side
    def area(self): return self.side ** 2
s = Square(3)
assert s.describe() == "square: 9.0" and isinstance(s, Shape) and s.name == "square"
class Half(Shape): pass
try:
    Half("x")
except TypeError:
    pass
else:
    assert False
try:
    Shape("x")
except TypeError:
    pass
else:
    assert False
""",
    ("Shape",),
)
add_kind(
    "a subclass that overrides a step",
    "Machine",
    """
class Machine:
    def __init__(self): self.log = []
    def run(self, n):
        for i in range(n): self.log.append(self.step(i))
        return self.log
    def step(self, i): return i
""",
    """
class Doubling(Machine):
    def step(self, i):
        return 2 * super().step(i)
d = Doubling()
assert d.run(3) == [0, 2, 4] and d.log == [0, 2, 4]
assert issubclass(Doubling, Machine) and Machine().run(2) == [0, 1]
""",
    ("Machine",),
)
ANIMALS = """
class Animal:
    def __init__(self, name): self.name = name
    def speak(self): return "..."
    def __repr__(self): return f"{type(self).__name__}({self.name!r})"
class Dog(Animal):
    def speak(self): return "Woof"
"""
add_kind(
    "inheritance in the program",
    "Dog Animal",
    ANIMALS,
    """
d = Dog("Rex")
assert isinstance(d, Animal) and issubclass(Dog, Animal) and not isinstance(Animal("x"), Dog)
assert repr(d) == "Dog('Rex')" and [a.speak() for a in (d, Animal("y"))] == ["Woof", "..."]
assert type(d) is Dog and type(d).__name__ == "Dog" and d.__class__.__name__ == "Dog" and Dog.__mro__[1] is Animal
""",
    ("Dog", "Animal"),
)
add_kind(
    "callbacks that change state of the tests",
    "Emitter",
    """
class Emitter:
    def __init__(self): self._handlers = {}
    def on(self, name, handler): self._handlers.setdefault(name, []).append(handler)
    def off(self, name, handler): self._handlers[name].remove(handler)
    def emit(self, name, *args, **kwargs): return [h(*args, **kwargs) for h in self._handlers.get(name, [])]
""",
    """
counter = {"n": 0}
seen = []
def count(*args, by=1):
    counter["n"] += by
    seen.append(args)
    return counter["n"]
class Handler:
    def __init__(self): self.got = []
    def __call__(self, x): self.got.append(x)
    def method(self, x): self.got.append(-x)
h = Handler()
e = Emitter()
e.on("a", count)
assert e.emit("a", 1, 2, by=5) == [5] and counter == {"n": 5} and seen == [(1, 2)]
e.on("b", h)
e.on("b", h.method)
e.emit("b", 7)
assert h.got == [7, -7]
e.off("a", count)
assert e.emit("a") == [] and e.emit("zzz") == []
""",
    ("Emitter",),
)
add_kind(
    "a key function of the program",
    "natural by_length",
    """
import re
from functools import cmp_to_key
def natural(s): return [int(p) if p.isdigit() else p for p in re.split(r"(\\d+)", s)]
by_length = cmp_to_key(lambda a, b: len(a) - len(b) or (a > b) - (a < b))
""",
    """
names = ["a10", "a2", "a1"]
assert sorted(names, key=natural) == ["a1", "a2", "a10"] and names == ["a10", "a2", "a1"]
names.sort(key=natural)
assert names == ["a1", "a2", "a10"]
assert min(names, key=len) == "a1" and sorted(["ccc", "b", "aa", "a"], key=by_length) == ["a", "b", "aa", "ccc"]
""",
)
add_kind(
    "an exception with attributes of its own",
    "Overdrawn withdraw",
    """
class BankError(Exception): pass
class Overdrawn(BankError, ValueError):
    code = 7
    def __init__(self, balance, amount):
        super().__init__(f"{amount} of {balance}")
        self.balance, self.amount = balance, amount
    @property
    def missing(self): return self.amount - self.balance
def withdraw(account, amount):
    account["tries"] += 1
    if amount > account["balance"]: raise Overdrawn(account["balance"], amount)
    account["balance"] -= amount
""",
    """
account = {"balance": 10, "tries": 0}
withdraw(account, 4)
try:
    withdraw(account, 10)
except Overdrawn as error:
    assert str(error) == "10 of 6" and (error.balance, error.amount, error.missing, error.code) == (6, 10, 4, 7)
    assert isinstance(error, ValueError) and error.args == ("10 of 6",) and type(error).__name__ == "Overdrawn"
else:
    assert False
assert account == {"balance": 6, "tries": 2}
made = Overdrawn(1, 2)
assert str(made) == "2 of 1" and made.missing == 1 and Overdrawn.code == 7 and isinstance(made, Overdrawn)
assert issubclass(Overdrawn, ValueError) and issubclass(Overdrawn, Exception)
""",
    ("Overdrawn",),
)
add_kind(
    "a cause and a context",
    "load",
    """
class LoadError(Exception): pass
def load(text, strict):
    try:
        return int(text)
    except ValueError as error:
        if strict: raise LoadError(text) from error
        raise LoadError(text)
""",
    """
for strict in (True, False):
    try:
        load("x", strict)
    except Exception as error:
        assert type(error).__name__ == "LoadError" and isinstance(error.__context__, ValueError)
        assert (error.__cause__ is error.__context__) == strict and "invalid literal" in str(error.__context__)
    else:
        assert False
assert load("3", True) == 3
""",
)
add_kind(
    "exceptions of the tests go through the program",
    "retry",
    """
def retry(f, times, errors=(Exception,)):
    last = None
    for _ in range(times):
        try:
            return f()
        except errors as error:
            last = error
    raise last
""",
    """
class Flaky(Exception):
    def __init__(self, n): self.n = n
tries = []
def f():
    tries.append(1)
    if len(tries) < 3: raise Flaky(len(tries))
    return "ok"
assert retry(f, 5) == "ok" and len(tries) == 3
tries.clear()
try:
    retry(f, 2, (Flaky,))
except Flaky as error:
    assert error.n == 2
else:
    assert False
def g(): raise OSError(2, "gone")
try:
    retry(g, 2, (ValueError,))
except OSError as error:
    assert error.errno == 2
else:
    assert False
""",
)
add_kind(
    "an exception returned as a value",
    "attempt",
    """
def attempt(f, *args):
    try:
        return f(*args), None
    except Exception as error:
        return None, error
""",
    """
assert attempt(int, "4") == (4, None)
value, error = attempt(int, "x")
assert value is None and isinstance(error, ValueError) and "invalid" in str(error)
own = KeyError("mine")
def fail(): raise own
assert attempt(fail)[1] is own
""",
)
add_kind(
    "groups of exceptions and notes",
    "many",
    """
def many(n):
    errors = []
    for i in range(n):
        try: [][i]
        except IndexError as e:
            e.add_note(f"no {i}")
            errors.append(e)
    raise ExceptionGroup("all", errors)
""",
    """
try:
    many(2)
except* IndexError as group:
    assert len(group.exceptions) == 2 and group.exceptions[1].__notes__ == ["no 1"]
""",
)
add_kind(
    "warnings",
    "old",
    """
import warnings
def old(x):
    warnings.warn("old is old", DeprecationWarning, stacklevel=2)
    return x
""",
    """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert old(3) == 3
assert len(caught) == 1 and caught[0].category is DeprecationWarning and "old" in str(caught[0].message)
""",
)
add_kind(
    "print captured by the tests",
    "hello table",
    """
import sys
def hello(name): print("Hello,", name)
def table(rows):
    for row in rows: print(*row, sep=" | ", end=";\\n")
    sys.stdout.write("done")
    print("oops", file=sys.stderr)
""",
    """
import io
from contextlib import redirect_stdout
out = io.StringIO()
with redirect_stdout(out):
    print("before")
    hello("Bo")
    print("after")
assert out.getvalue() == "before\\nHello, Bo\\nafter\\n"
with redirect_stdout(io.StringIO()) as out:
    table([(1, 2), (3,)])
assert out.getvalue() == "1 | 2;\\n3;\\ndone"
import sys
old, sys.stdout = sys.stdout, io.StringIO()
try:
    hello("you")
    got = sys.stdout.getvalue()
finally:
    sys.stdout = old
assert got == "Hello, you\\n"
""",
)
add_kind(
    "input from a patched stdin",
    "ask total",
    """
import sys
def ask(prompt): return input(prompt).strip().title()
def total(): return sum(int(line) for line in sys.stdin)
""",
    """
import io, sys
from unittest.mock import patch
sys.stdin = io.StringIO("  ann lee \\nbo\\n")
assert ask("name? ") == "Ann Lee" and ask("") == "Bo"
sys.stdin = io.StringIO("1\\n2\\n3\\n")
assert total() == 6
with patch("builtins.input", lambda prompt="": "carl"):
    assert ask("?") == "Carl"
answers = iter(["x", "y"])
with patch("builtins.input", side_effect=answers):
    assert ask("?") == "X" and ask("?") == "Y"
""",
)
add_kind(
    "dates and times",
    "parse_day",
    """
from datetime import date, datetime, timedelta, timezone
def parse_day(s): return datetime.strptime(s, "%Y-%m-%d").replace(tzinfo=timezone.utc)
""",
    """
from datetime import datetime, timedelta, timezone, date
d = parse_day("2024-02-28")
assert d + timedelta(days=2) == datetime(2024, 3, 1, tzinfo=timezone.utc) and d.date() == date(2024, 2, 28)
assert d.isoformat() == "2024-02-28T00:00:00+00:00" and isinstance(d, datetime)
""",
)
add_kind(
    "decimals, fractions, paths and identifiers",
    "numbers_of",
    """
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PurePosixPath
from uuid import UUID, uuid5, NAMESPACE_DNS
def numbers_of(): return Decimal("1.10"), Fraction(1, 3), Path("a") / "b.txt", uuid5(NAMESPACE_DNS, "x"), complex(1, -2)
""",
    """
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
import uuid
d, f, p, u, c = numbers_of()
assert str(d) == "1.10" and d + 1 == Decimal("2.1") and f * 3 == 1 and p == Path("a/b.txt") and p.suffix == ".txt"
assert u == uuid.uuid5(uuid.NAMESPACE_DNS, "x") and u.version == 5 and c.conjugate() == 1 + 2j
""",
)
add_kind(
    "collections",
    "gather",
    """
from collections import deque, OrderedDict, Counter, defaultdict, ChainMap
def gather(text):
    groups = defaultdict(list)
    for w in text.split(): groups[len(w)].append(w)
    return groups, Counter(text), OrderedDict(sorted(groups.items())), deque(text, maxlen=3)
""",
    """
from collections import deque, OrderedDict, Counter, defaultdict
groups, counts, ordered, last = gather("a bb cc d")
assert groups == {1: ["a", "d"], 2: ["bb", "cc"]} and groups[9] == [] and type(groups) is defaultdict
assert counts.most_common(1) == [(" ", 3)] and counts["zz"] == 0 and (counts + Counter("zz"))["z"] == 2
assert isinstance(ordered, OrderedDict) and list(ordered) == [1, 2] and last == deque("c d") and last.maxlen == 3
last.append("!")
assert list(last) == [" ", "d", "!"]
ordered.move_to_end(1)
assert list(ordered) == [2, 1] and ordered[1] is groups[1]
""",
)
add_kind(
    "a defaultdict with its own factory",
    "tree",
    """
from collections import defaultdict
def tree(): return defaultdict(tree)
""",
    """
t = tree()
t["a"]["b"]["c"] = 1
assert t["a"]["b"]["c"] == 1 and "x" not in t and t == {"a": {"b": {"c": 1}}}
""",
)
add_kind(
    "big numbers, bytes and floats",
    "extremes",
    """
def extremes(): return 2 ** 3000, -(10 ** 30), b"\\x00\\xff", bytearray(b"ab"), float("nan"), float("-inf"), -0.0, 1e308
""",
    """
import math
big, low, raw, array, nan, inf, zero, huge = extremes()
assert big == 2 ** 3000 and low == -10 ** 30 and raw == bytes([0, 255]) and array == b"ab" and math.isnan(nan)
assert inf == -math.inf and math.copysign(1, zero) == -1 and math.isclose(huge * 0.5, 5e307)
array += b"c"
assert type(array) is bytearray and bytes(array) == b"abc" and raw.hex() == "00ff"
""",
)
add_kind(
    "deep recursion with a raised limit",
    "depth",
    """
import sys
sys.setrecursionlimit(20_000)
def depth(n): return 0 if n == 0 else 1 + depth(n - 1)
""",
    """
assert depth(10) == 10 and depth(5_000) == 5_000
try:
    depth(30_000)
except RecursionError:
    pass
else:
    assert False
""",
)
add_kind(
    "async functions",
    "fetch gather_all Ticker Session",
    """
import asyncio
async def fetch(x, log):
    log.append(f"start {x}")
    await asyncio.sleep(0.001)
    log.append(f"end {x}")
    if x < 0: raise ValueError("negative")
    return x * 2
async def gather_all(xs): return await asyncio.gather(*(fetch(x, []) for x in xs))
async def Ticker(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i
class Session:
    async def __aenter__(self):
        self.open = True
        return self
    async def __aexit__(self, *error):
        self.open = False
    async def get(self, x): return x
""",
    """
import asyncio
log = []
assert asyncio.run(fetch(2, log)) == 4 and log == ["start 2", "end 2"]
assert asyncio.run(gather_all([1, 2, 3])) == [2, 4, 6]
async def main():
    results = await asyncio.gather(fetch(1, log), fetch(5, log))
    ticks = [t async for t in Ticker(3)]
    async with Session() as session:
        assert session.open and await session.get(9) == 9
    assert not session.open
    try:
        await fetch(-1, log)
    except ValueError as error:
        return results, ticks, str(error)
assert asyncio.run(main()) == ([2, 10], [0, 1, 2], "negative")
assert asyncio.run(asyncio.wait_for(fetch(1, []), 1)) == 2
""",
    ("Session",),
)
add_kind(
    "async callbacks",
    "apply",
    """
import asyncio
async def apply(f, xs):
    return [await f(x) for x in xs]
""",
    """
import asyncio
seen = []
async def f(x):
    await asyncio.sleep(0)
    seen.append(x)
    return -x
assert asyncio.run(apply(f, [1, 2])) == [-1, -2] and seen == [1, 2]
""",
)
add_kind(
    "copies",
    "clone Node",
    """
import copy
class Node:
    def __init__(self, value, children=()): self.value, self.children = value, list(children)
def clone(x): return copy.deepcopy(x)
""",
    """
import copy
n = Node(1, [Node(2)])
m, s = copy.deepcopy(n), copy.copy(n)
m.children[0].value = 9
assert n.children[0].value == 2 and s.children is n.children and m.children is not n.children
x = [[1], {"a": [2]}]
y = clone(x)
assert y == x and y is not x and y[0] is not x[0]
y[0].append(5)
assert x == [[1], {"a": [2]}]
class Mine:
    def __init__(self): self.items = [1]
""",
    ("Node",),
)
add_kind(
    "one list in many places",
    "share Registry",
    """
class Registry:
    def __init__(self, rows): self.rows = rows
    def push(self, i, x): self.rows[i].append(x)
    def all(self): return self.rows
def share(a, b):
    a.append(1)
    return a is b, len(b)
""",
    """
l = []
assert share(l, l) == (True, 1) and share(l, []) == (False, 0) and l == [1, 1]
row = [0]
rows = [row, row, [9]]
r = Registry(rows)
r.push(0, 7)
assert rows == [[0, 7], [0, 7], [9]] and rows[0] is row and r.all() is rows and r.rows[2] is rows[2]
row.append(8)
r.push(1, 6)
assert row == [0, 7, 8, 6] and r.all()[1] is row
rows.pop(0)
assert len(r.rows) == 2
r.rows.clear()
assert rows == [] and row == [0, 7, 8, 6]
""",
    ("Registry",),
)
add_kind(
    "what contains itself",
    "loop knot",
    """
def loop():
    a = [1]
    a.append(a)
    return a
def knot(d):
    d["self"] = d
    return d
""",
    """
a = loop()
assert a[0] == 1 and a[1] is a
d = {}
assert knot(d) is d and d["self"] is d and len(d) == 1
""",
)
add_kind(
    "an object of the tests changed by the program",
    "grow",
    """
def grow(tree, x):
    node = tree
    while True:
        if x < node.value:
            if node.left is None:
                node.left = type(node)(x)
                return
            node = node.left
        else:
            if node.right is None:
                node.right = type(node)(x)
                return
            node = node.right
""",
    """
class Tree:
    def __init__(self, value, left=None, right=None): self.value, self.left, self.right = value, left, right
t = Tree(5)
for x in (3, 8, 1): grow(t, x)
assert t.left.value == 3 and t.right.value == 8 and t.left.left.value == 1 and isinstance(t.left, Tree)
""",
)
add_kind(
    "lists in objects of the tests",
    "fill",
    """
def fill(box, items):
    box.items.extend(items)
    box.by_name["n"] = len(box.items)
    box.items = sorted(box.items)
""",
    """
class Box:
    def __init__(self): self.items, self.by_name = [], {}
b = Box()
first = b.items
fill(b, [3, 1])
assert b.items == [1, 3] and first == [3, 1] and b.by_name == {"n": 2}
""",
)
add_kind(
    "module state",
    "REGISTRY register LIMIT",
    """
REGISTRY = {}
LIMIT = 3
def register(f):
    REGISTRY[f.__name__] = f
    return f
""",
    """
assert REGISTRY == {} and LIMIT == 3
@register
def one(): return 1
assert list(REGISTRY) == ["one"] and REGISTRY["one"] is one and one() == 1
REGISTRY.clear()
@register
def two(): return 2
assert list(REGISTRY) == ["two"]
""",
)
add_kind(
    "partial, methods and lambdas",
    "compose Acc",
    """
from functools import reduce, partial
def compose(*fs): return reduce(lambda f, g: lambda x: g(f(x)), fs, lambda x: x)
class Acc:
    def __init__(self): self.total = 0
    def add(self, n):
        self.total += n
        return self
""",
    """
from functools import partial
import operator
assert compose(partial(operator.mul, 3), str, len, lambda n: n + 1)(40) == 4
a = Acc()
add = a.add
assert add(2) is a and a.add(3).add(4).total == 9 and list(map(a.add, [1])) == [a]
assert callable(add) and not callable(a)
""",
    ("Acc",),
)
add_kind(
    "callable objects, getattr and format",
    "Poly Proxy Money",
    """
class Poly:
    def __init__(self, *c): self.c = c
    def __call__(self, x): return sum(c * x ** i for i, c in enumerate(self.c))
class Proxy:
    def __getattr__(self, name): return name.upper()
class Money:
    def __init__(self, n): self.n = n
    def __format__(self, spec): return f"{self.n:{spec or '.2f'}} EUR"
    def __str__(self): return f"{self:.1f}"
    def __int__(self): return int(self.n)
    def __float__(self): return float(self.n)
    def __index__(self): return int(self.n)
""",
    """
p = Poly(1, 2)
assert p(3) == 7 and list(map(p, [0, 1])) == [1, 3]
assert Proxy().hello == "HELLO" and f"{Money(2)}" == "2.00 EUR" and str(Money(2)) == "2.0 EUR" and int(Money(3.7)) == 3
assert [10, 20][Money(1)] == 20 and float(Money(2)) == 2.0 and f"{Money(2):.3f}" == "2.000 EUR"
""",
    ("Poly", "Proxy", "Money"),
)
add_kind(
    "total_ordering and hashing",
    "Card",
    """
from functools import total_ordering
@total_ordering
class Card:
    def __init__(self, rank): self.rank = rank
    def __eq__(self, o): return self.rank == o.rank if isinstance(o, Card) else NotImplemented
    def __lt__(self, o): return self.rank < o.rank if isinstance(o, Card) else NotImplemented
    def __hash__(self): return hash(self.rank)
""",
    """
a, b = Card(2), Card(9)
assert a < b and b >= a and a <= b and a != b and a == Card(2) and a != 2 and len({a, Card(2), b}) == 2
assert sorted([b, a]) == [a, b] and [Card(2)] == [a] and Card(9) in [a, b]
try:
    a < 3
except TypeError:
    pass
else:
    assert False
""",
    ("Card",),
)
add_kind(
    "subclasses of list and dict",
    "Stack Default",
    """
class Stack(list):
    def peek(self): return self[-1]
    push = list.append
class Default(dict):
    def __missing__(self, key): return f"<{key}>"
""",
    """
s = Stack([1, 2])
s.push(3)
assert s.peek() == 3 and s == [1, 2, 3] and len(s) == 3 and s[:2] == [1, 2] and isinstance(s, list)
s += [4]
assert s.pop() == 4 and list(s) == [1, 2, 3] and 2 in s
d = Default(a=1)
assert d["a"] == 1 and d["zz"] == "<zz>" and d == {"a": 1} and "zz" not in d and dict(d) == {"a": 1} and d.get("q") is None
d.update(b=2)
assert sorted(d) == ["a", "b"] and sorted(d.items()) == [("a", 1), ("b", 2)] and {**d} == {"a": 1, "b": 2}
""",
    ("Stack", "Default"),
)
add_kind(
    "descriptors, class methods of registries",
    "Field Model",
    """
class Field:
    def __set_name__(self, owner, name): self.name = name
    def __get__(self, obj, owner): return self if obj is None else obj.__dict__.get(self.name, 0)
    def __set__(self, obj, value):
        if not isinstance(value, int): raise TypeError(f"{self.name} must be int")
        obj.__dict__[self.name] = value
class Model:
    known = []
    age = Field()
    def __init_subclass__(cls, **kw): Model.known.append(cls.__name__)
    def __class_getitem__(cls, item): return (cls.__name__, item)
class Person(Model): pass
""",
    """
m = Model()
assert m.age == 0
m.age = 5
assert m.age == 5 and Model.known == ["Person"] and Model[3] == ("Model", 3)
try:
    m.age = "x"
except TypeError as e:
    assert str(e) == "age must be int"
else:
    assert False
""",
    ("Field", "Model"),
)
add_kind(
    "pattern matching",
    "area Circle",
    """
from dataclasses import dataclass
@dataclass
class Circle:
    r: float
def area(s):
    match s:
        case Circle(r=r): return 3 * r * r
        case {"w": w, "h": h}: return w * h
        case [a, *rest]: return a + len(rest)
        case _: return None
""",
    """
assert area(Circle(2)) == 12 and area({"w": 2, "h": 3}) == 6 and area([5, 1, 1]) == 7 and area(0) is None
match Circle(7):
    case Circle(r=r):
        assert r == 7
    case _:
        assert False
""",
    ("Circle",),
)
add_kind(
    "regular expressions and iterators",
    "find pairs",
    """
import re, itertools
def find(p, s): return re.search(p, s)
def pairs(xs): return itertools.pairwise(xs)
""",
    """
import re
m = find(r"(\\d+)-(?P<b>\\w)", "x 12-q")
assert m and m.group(1) == "12" and m["b"] == "q" and m.groups() == ("12", "q") and m.span() == (2, 6) and find("z", "a") is None
assert list(pairs("abc")) == [("a", "b"), ("b", "c")] and find(re.compile("A", re.I), "xa").start() == 1
""",
)
add_kind(
    "unittest cases",
    "add",
    """
def add(a, b): return a + b
""",
    """
import unittest
class T(unittest.TestCase):
    def test_a(self): self.assertEqual(add(1, 2), 3)
    def test_b(self):
        with self.assertRaises(TypeError): add(1, "x")
result = unittest.TextTestRunner(stream=__import__("io").StringIO()).run(unittest.defaultTestLoader.loadTestsFromTestCase(T))
assert result.wasSuccessful() and result.testsRun == 2
""",
)
add_kind(
    "a bound list given as a default",
    "collect",
    """
def collect(x, into=[]):
    into.append(x)
    return into
""",
    """
a = collect(1)
b = collect(2)
assert a is b and a == [1, 2]
c = []
assert collect(3, c) is c and c == [3] and collect(4) == [1, 2, 4]
""",
)
add_kind(
    "a queue of the tests and threads of the program",
    "work",
    """
import threading
def work(jobs, results, n):
    lock = threading.Lock()
    def run():
        while True:
            with lock:
                if not jobs: return
                job = jobs.pop()
            results[job] = job * job
    threads = [threading.Thread(target=run) for _ in range(n)]
    for t in threads: t.start()
    for t in threads: t.join()
""",
    """
jobs, results = [1, 2, 3], {}
work(jobs, results, 2)
assert results == {1: 1, 2: 4, 3: 9} and jobs == []
""",
)
add_kind(
    "a singleton and weak references",
    "Config",
    """
class Config:
    _one = None
    def __new__(cls):
        if cls._one is None: cls._one = super().__new__(cls)
        return cls._one
""",
    """
a, b = Config(), Config()
assert a is b
a.x = 5
assert b.x == 5
del b.x
assert not hasattr(a, "x")
""",
    ("Config",),
)
add_kind(
    "an lru cache class with a linked list",
    "LRU",
    """
from collections import OrderedDict
class LRU:
    def __init__(self, n): self.n, self.d = n, OrderedDict()
    def get(self, k, default=None):
        if k not in self.d: return default
        self.d.move_to_end(k)
        return self.d[k]
    def put(self, k, v):
        self.d[k] = v
        self.d.move_to_end(k)
        if len(self.d) > self.n: self.d.popitem(last=False)
""",
    """
c = LRU(2)
d = c.d
c.put("a", 1); c.put("b", 2)
assert c.get("a") == 1
c.put("c", 3)
assert c.get("b") is None and list(d) == ["a", "c"] and d == {"a": 1, "c": 3} and len(c.d) == 2
big = LRU(1000)
for i in range(3000): big.put(i, [i])
assert big.get(2999) == [2999] and big.get(5) is None and len(big.d) == 1000
""",
    ("LRU",),
)

add_kind(
    "the class of an object",
    "Dog Animal",
    ANIMALS,
    """
d = Dog("Rex")
assert isinstance(d, Animal) and issubclass(Dog, Animal) and not isinstance(Animal("x"), Dog)
assert repr(d) == "Dog('Rex')" and [a.speak() for a in (d, Animal("y"))] == ["Woof", "..."]
assert type(d).__name__ == "Dog" and d.__class__ is Dog and type(d) is type(Dog("y")) and Dog.__name__ == "Dog"
""",
    ("Dog", "Animal"),
)
add_kind(
    "a list changed although the call raised",
    "drain",
    """
def drain(xs, out):
    while True: out.append(xs.pop())
""",
    """
xs, out = [1, 2], []
try:
    drain(xs, out)
except IndexError:
    pass
else:
    assert False
assert xs == [] and out == [2, 1]
""",
)
add_kind(
    "a list of 2,000 that both ends hold for 500 calls",
    "Window",
    """
class Window:
    def __init__(self, xs): self.xs = xs
    def total(self, a, b): return sum(self.xs[a:b])
""",
    """
xs = list(range(2000))
w = Window(xs)
for i in range(500):
    xs[i] += 1
    assert w.total(i, i + 2) == 2 * i + 2
""",
    ("Window",),
)
add_kind(
    "a table of 100 by 100",
    "transpose",
    """
def transpose(m):
    for i in range(len(m)):
        for j in range(i): m[i][j], m[j][i] = m[j][i], m[i][j]
""",
    """
m = [[100 * i + j for j in range(100)] for i in range(100)]
row = m[7]
transpose(m)
assert m[7] is row and row[3] == 307 and m == [[100 * j + i for j in range(100)] for i in range(100)]
""",
)
