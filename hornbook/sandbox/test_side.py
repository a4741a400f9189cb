"""What the tests' own process does: fetch the program's functions as Remotes, run the tests, report one verdict.

In: the tests' text, the names they need, the channel to the program. Out: one line on the report
pipe, which the program never had. Nothing of the tests goes to the program but the arguments of its
calls; what it may do with objects that come along (callbacks, instances of the tests' classes) is
decided in `permits`. Not covered: tests that look at the program's source, or that subclass its
classes.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator, Sequence

from hornbook.sandbox import codec
from hornbook.sandbox.peer import Gone, Peer
from hornbook.sandbox.program_side import assertion, line, named, report
from hornbook.sandbox.proxies import COMPARISONS, DUNDERS

PLACE = "tests.py"
STANDARD = ({name for _, name in codec.NAMED} | set(codec.MODULES) | codec.WHOLE) - set(
    dir(builtins)
)
HOME = "tests"  # the __module__ of what the tests define
STEPS = {
    "__iter__",
    "__next__",
    "__len__",
    "__getitem__",
    "__bool__",
    "__reversed__",
    "__length_hint__",
}
OPERATORS = frozenset((*DUNDERS, *COMPARISONS))
QUESTIONS = {"repr", "str", "hash", "format", "isinstance", "issubclass", "plain"}
POWERS = [vars(builtins)[name] for name in codec.POWERS if name in vars(builtins)]


def run(
    tests: str, names: Sequence[str], classes: Sequence[str] | None, channel: int, handle: int
) -> None:
    """Run the tests against the program at the other end of the channel and report the verdict."""
    try:
        compiled = compile(tests, PLACE, "exec", dont_inherit=True)
    except BaseException as error:
        return report(handle, "error", f"the tests do not compile: {named(error)[1]}")
    peer = Peer(channel, permits)
    try:
        fetched = _fetched(peer, names, set(_names(compiled)), classes)
        exec(compiled, {"__name__": HOME, "__builtins__": builtins} | fetched)
    except Gone:
        return report(handle, "gone", peer.broken)
    except BaseException as error:
        if peer.broken:
            return report(handle, "gone", peer.broken)
        return report(handle, *_verdict(error, tests))
    # A test that swallowed the program's end must not pass.
    return report(handle, "gone", peer.broken) if peer.broken else report(handle, "passed")


def _fetched(
    peer: Peer, names: Sequence[str], used: set[str], classes: Sequence[str] | None
) -> dict[str, object]:
    """The program's objects under these names (all that the tests use, where nobody said which), and its imports.

    Tests written beside a program use what it imports. Of that only genuine parts of the standard
    library are taken, under their own names, and this process's own copies of them: the program
    cannot slip in an isclose of its own.
    """
    wanted = [*names, *sorted(used & STANDARD - set(names))] if names else sorted(used)
    peer.send(["want", wanted])
    found = peer.offered(wanted, classes)
    return {
        name: value
        for name, value in found.items()
        if name in names or not names or _standard(name, value)
    }


def _standard(name: str, value: object) -> bool:
    if isinstance(value, types.ModuleType):
        return value is (sys.modules.get(name) if name in codec.WHOLE else codec.MODULES.get(name))
    return codec.NAME_OF.get(id(value), ("", ""))[1] == name


def _names(code: types.CodeType) -> Iterator[str]:
    """Names that the tests may want from the program, when nobody said which: all they use that is not built in."""
    yield from (
        name for name in code.co_names if not hasattr(builtins, name) and not name.startswith("__")
    )
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _names(constant)


def _verdict(error: BaseException, tests: str) -> tuple[str, str]:
    if not isinstance(error, AssertionError) or "_hb_number" in vars(error):
        status, text = named(error)
        return status, text if "_hb_number" in vars(
            error
        ) else f"{text} (in the tests: {line(error, tests, PLACE)})"
    return "failed", assertion(error, tests, PLACE)


def permits(op: str, target: object, name: str) -> bool:
    """Whether the program may do this with an object of the tests that it was handed.

    Calls: of functions, and of classes that the tests define. Attributes: public ones of instances
    of such classes; never a function's globals, a generator's frame, a module or an exception's
    traceback. Operators: all of such instances, iteration and indexing of the rest.
    """
    mine = vars(type(target)).get("__module__") == HOME
    if op == "call":
        if isinstance(target, type):
            return vars(target).get("__module__") == HOME
        return callable(target) and not any(target is power for power in POWERS)
    if op in ("get", "set"):
        if op == "get" and name in ("__name__", "__qualname__", "__doc__"):
            return True
        return mine and (not name.startswith("_") or (op == "get" and name == "__class__"))
    if op == "do":
        return name in (OPERATORS if mine else STEPS)
    if op == "run":
        return isinstance(target, types.CoroutineType | types.AsyncGeneratorType) and name in (
            "await",
            "anext",
        )
    return op == "of" and name in QUESTIONS
