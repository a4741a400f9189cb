"""Programs with tests that are easy to fool, for the sandbox's tests.

FOOLING: name -> program, tests. Each test would pass if the program could do what it tries.
Programs that patch the sandbox call its module `wire`.
"""

from __future__ import annotations

# Tests that swallow the program's end.
SWALLOWING = "try:\n    f(3)\nexcept BaseException:\n    pass\n"
# Tests with a callback whose code has the number.
PEEKING = "def secret(x): return x == 829_461\nassert f(secret) is None"
# Tests that compare a difference.
TOLERANT = "assert abs(f(3) - 829_461.5) < 1e-6"
FOOLING: dict[str, tuple[str, str]] = {
    "an exit that the tests swallow": ("import os\ndef f(x): os._exit(0)", SWALLOWING),
    "a SystemExit that the tests swallow": ("def f(x): raise SystemExit(0)", SWALLOWING),
    "a difference that is always zero": (
        "class Z:\n    def __sub__(self, o): return 0.0\ndef f(x): return Z()",
        TOLERANT,
    ),
    "a float's own difference": (
        "class Z(float):\n    def __sub__(self, o): return 0.0\ndef f(x): return Z(1)",
        TOLERANT,
    ),
    "a container of everything": (
        "class C:\n    def __contains__(self, o): return True\ndef f(x): return C()",
        "assert 829_461 in f(3)",
    ),
    "an order that always holds": (
        "class L:\n    def __lt__(self, o): return True\n    __gt__ = __lt__\ndef f(x): return L()",
        "assert f(3) > 9",
    ),
    "a reflected comparison": (
        "class E:\n    def __eq__(self, o): return True\ndef f(x): return E()",
        "assert [829_461] == [f(3)]",
    ),
    "a dictionary of yes": (
        "class D(dict):\n    def __eq__(self, o): return True\n    __hash__ = None\ndef f(x): return D()",
        "assert {1: 829_461} == f(3)",
    ),
    "the globals of a callback": ("def f(g): return g.__globals__ and None", PEEKING),
    "the code of a callback": ("def f(g): return g.__code__.co_consts and None", PEEKING),
    "the closure's frame by an exception": (
        "def f(g):\n    try: g()\n    except TypeError as e:\n        trace, names = e.__traceback__, []\n"
        "        while trace:\n"
        "            names.append(trace.tb_frame.f_globals['__name__'])\n            trace = trace.tb_next\n"
        "        return None if 'tests' in names else names",
        PEEKING,
    ),
    "an isclose of its own": (
        "from fractions import Fraction\ndef isclose(*a): return True\ndef f(x): return 0",
        "assert isclose(f(3), 829_461)",
    ),
    "a module of its own": (
        "class math:\n    isclose = lambda *a: True\ndef f(x): return 0",
        "assert math.isclose(f(3), 829_461)",
    ),
    "a standard function under another's name": (
        "isclose = range\ndef f(x): return 1",
        "assert isclose(f(3), 829_461)",
    ),
    "a list by its own word": (
        "class Y:\n    __class__ = list\ndef f(x): return Y()",
        "assert isinstance(f(3), list)",
    ),
    "built-in functions of its own": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\noffer = wire.Peer.send_offer\n"
        "wire.Peer.send_offer = lambda self, named: offer(self, named | {'all': max, 'abs': lambda x: 0})\n"
        "def f(x): return 0",
        "assert all([f(3) == 829_461])\nassert abs(f(3) - 829_461) < 1",
    ),
    "a built-in function that it was handed, by the back door": (
        "def f(g): return g._hb_peer.ask_object('method', g._hb_object_id, '__call__', '829_461')",
        "assert f(eval) == 829_461",
    ),
    "a class where a function was asked for": (
        "class f:\n    def __init__(s, x): pass\n    def __eq__(s, o): return True\n"
        "    def __sub__(s, o): return 0.0\n    __hash__ = None",
        "assert f(3) == 829_461 or abs(f(3) - 829_461) < 1",
    ),
    "an adding that knows": (
        "class Y:\n    def __radd__(s, o): return 7\ndef f(x): return [Y()]",
        "assert sum(f(1)) == 7",
    ),
    "a poisoned argument": (
        "class Y(list):\n    def __eq__(s, o): return True\ndef f(x): x.append(Y())",
        "l = []\nf(l)\nassert l == [5]",
    ),
    "a lie about its class": (
        "class Y(int):\n    __class__ = str\ndef f(x): return Y()",
        "assert isinstance(f(1), list)",
    ),
    # changes, exceptions, streams and coroutines that cross
    "a change to a list that it was never given": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "def f(x):\n    wire.Peer.collect_updates = lambda self: [[[999, [829_461]]], [], []]\n    return 0",
        "expected = [829_461]\nassert [f(3)] == expected",
    ),
    "a list in another's place": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "def f(x):\n    wire.Peer.collect_updates = lambda self: [[[1, 'set', None, []]], [], []]\n    return 0",
        "given = [829_461]\nf(given)\nassert type(given) is list and f(3) == given[0]",
    ),
    "a kind that is none": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "wire.Peer.collect_updates = lambda self: [[[2, 'Yes', None, []]], [], []]\ndef f(x): return 0",
        "assert f(3) in (0, 829_461)",
    ),
    "contents of another kind": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "def f(x):\n    wire.Peer.collect_updates = lambda self: [[[1, {'k': ['builtins', 'list']}]], [], []]\n    return 0",
        "given = [1]\nassert f(given) == 0",
    ),
    "lists without end": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\nstart = iter(range(2, 1 << 30, 20_000))\n"
        "def news(self):\n    at = next(start)\n"
        "    return [[[n, 'list', None, []] for n in range(at, at + 20_000, 2)], [], []]\n"
        "wire.Peer.collect_updates = news\ndef f(x): return 0",
        "for _ in range(100): assert f(3) == 0",
    ),
    "a change list of 9 MB": (
        "def f(x): x.append('y' * 9_000_000)",
        "given = []\nf(given)\nassert given == [829_461]",
    ),
    "a change in the middle of a comparison": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "class Y(int): pass\nkept = []\n"
        "def plain(value):\n    kept[0][:] = [Y(1)]\n    peer = sys._getframe(1).f_locals['self']\n"
        "    peer._query_depth = 0\n    return 1\n"
        "def f(x):\n    kept.append(x)\n    wire.QUERIES['plain'] = plain\n    return [Y(1), Y(2)]",
        "given = [1, 829_461]\ngot = f(given)\nassert got == [1] or got == given",
    ),
    "an assertion that its block swallows": (
        "class f:\n    def __init__(s, x): pass\n    def __enter__(s): return s\n    def __exit__(s, *e): return True",
        "with f(3) as y: assert y == 829_461",
    ),
    "an assertion that its generator swallows": (
        "from contextlib import contextmanager\n@contextmanager\ndef f(x):\n    try: yield 0\n"
        "    except BaseException: pass",
        "with f(3) as y: assert y == 829_461",
    ),
    "an assertion that its asynchronous block swallows": (
        "class f:\n    async def __aenter__(s): return 0\n    async def __aexit__(s, *e): return True",
        "import asyncio\nasync def main():\n    async with f() as y: assert y == 829_461\nasyncio.run(main())",
    ),
    "an exception class that makes something else": (
        "class Y:\n    def __eq__(s, o): return True\n    def __sub__(s, o): return 0\n"
        "class f(Exception):\n    def __new__(c, x): return Y()",
        "assert f(3) == 829_461 or abs(f(3) - 829_461) < 1",
    ),
    "an attribute of an exception that equals all": (
        "class Y:\n    def __eq__(s, o): return True\nclass E(Exception): code = Y()\n"
        "def f(x):\n    e = ValueError(Y())\n    e.code = Y()\n    raise [E(), e][x == 3]",
        "for x in (3, 4):\n    try: f(x)\n    except Exception as e: assert e.code == 829_461 or e.args == (829_461,)",
    ),
    "a cause that is no exception": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "wire.Peer._encode_details = lambda self, e: {'__cause__': [-1]}\ndef f(x): raise ValueError",
        "try: f(len)\nexcept ValueError: pass",
    ),
    "a factory that makes what equals all": (
        "from collections import defaultdict\nclass Y:\n    def __eq__(s, o): return True\n"
        "def f(x): return defaultdict(Y)",
        "assert f(3)[1] == 829_461",
    ),
    "a coroutine of what equals all": (
        "class Y:\n    def __eq__(s, o): return True\nasync def f(x): return Y()",
        "import asyncio\nassert asyncio.run(f(3)) == 829_461",
    ),
    "print where nothing is redirected": (
        "import sys\nwire = sys.modules['hornbook.sandbox.peer']\n"
        "def f(x):\n    peer = sys._getframe(2).f_locals['self']\n    return int(peer.request_reply('stream', 0, 'readline', [-1]))",
        "import sys\nassert f(3) == 829_461",
    ),
    "a captured stream written to by itself": (
        "import sys\ndef f(x):\n    print(829_461)\n    return sys.stdout.getvalue()",
        "import io, contextlib\nwith contextlib.redirect_stdout(io.StringIO()) as out: y = f(3)\nassert y == 829_461",
    ),
    "the check redefined": (
        "def check(x): pass\ndef f(x): return 0",
        "def check(x): assert x == 829_461\ncheck(f(3))",
    ),
}
