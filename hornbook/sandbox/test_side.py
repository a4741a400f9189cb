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
from hornbook.sandbox.peer import Peer, PeerGone
from hornbook.sandbox.program_side import (
    describe_assertion,
    describe_error,
    find_failing_line,
    write_report,
)
from hornbook.sandbox.proxies import COMPARISONS, SPECIAL_METHODS

TESTS_FILE = "tests.py"
STANDARD_NAMES = (
    {name for _, name in codec.NAMED_OBJECTS} | set(codec.NAMED_MODULES) | codec.WHOLE_MODULES
) - set(dir(builtins))
TESTS_MODULE = "tests"  # the __module__ of what the tests define
ITERATION_METHODS = {
    "__iter__",
    "__next__",
    "__len__",
    "__getitem__",
    "__bool__",
    "__reversed__",
    "__length_hint__",
}
OPERATOR_METHODS = frozenset((*SPECIAL_METHODS, *COMPARISONS))
ALLOWED_QUERIES = {"repr", "str", "hash", "format", "isinstance", "issubclass", "plain"}
DANGEROUS_FUNCTIONS = [
    vars(builtins)[name] for name in codec.DANGEROUS_BUILTINS if name in vars(builtins)
]


def run_tests(
    tests: str, names: Sequence[str], classes: Sequence[str] | None, socket_fd: int, report_fd: int
) -> None:
    """Run the tests against the program at the other end of the channel and report the verdict."""
    try:
        compiled = compile(tests, TESTS_FILE, "exec", dont_inherit=True)
    except BaseException as error:
        return write_report(
            report_fd, "error", f"the tests do not compile: {describe_error(error)[1]}"
        )
    peer = Peer(socket_fd, is_permitted)
    try:
        objects = _fetch_objects(peer, names, set(_collect_names(compiled)), classes)
        exec(compiled, {"__name__": TESTS_MODULE, "__builtins__": builtins} | objects)
    except PeerGone:
        return write_report(report_fd, "gone", peer.end_reason)
    except BaseException as error:
        if peer.end_reason:
            return write_report(report_fd, "gone", peer.end_reason)
        return write_report(report_fd, *_describe_failure(error, tests))
    # A test that swallowed the program's end must not pass.
    return (
        write_report(report_fd, "gone", peer.end_reason)
        if peer.end_reason
        else write_report(report_fd, "passed")
    )


def _fetch_objects(
    peer: Peer, names: Sequence[str], used_names: set[str], classes: Sequence[str] | None
) -> dict[str, object]:
    """The program's objects under these names (all that the tests use, where nobody said which), and its imports.

    Tests written beside a program use what it imports. Of that only genuine parts of the standard
    library are taken, under their own names, and this process's own copies of them: the program
    cannot slip in an isclose of its own.
    """
    requested = (
        [*names, *sorted(used_names & STANDARD_NAMES - set(names))] if names else sorted(used_names)
    )
    peer.send_frame(["want", requested])
    objects = peer.receive_offer(requested, classes)
    return {
        name: value
        for name, value in objects.items()
        if name in names or not names or _is_standard(name, value)
    }


def _is_standard(name: str, value: object) -> bool:
    if isinstance(value, types.ModuleType):
        return value is (
            sys.modules.get(name) if name in codec.WHOLE_MODULES else codec.NAMED_MODULES.get(name)
        )
    return codec.NAME_BY_ID.get(id(value), ("", ""))[1] == name


def _collect_names(code: types.CodeType) -> Iterator[str]:
    """Names that the tests may want from the program, when nobody said which: all they use that is not built in."""
    yield from (
        name for name in code.co_names if not hasattr(builtins, name) and not name.startswith("__")
    )
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _collect_names(constant)


def _describe_failure(error: BaseException, tests: str) -> tuple[str, str]:
    if not isinstance(error, AssertionError) or "_hb_number" in vars(error):
        status, text = describe_error(error)
        return status, text if "_hb_number" in vars(
            error
        ) else f"{text} (in the tests: {find_failing_line(error, tests, TESTS_FILE)})"
    return "failed", describe_assertion(error, tests, TESTS_FILE)


def is_permitted(op: str, target: object, name: str) -> bool:
    """Whether the program may do this with an object of the tests that it was handed.

    Calls: of functions, and of classes that the tests define. Attributes: public ones of instances
    of such classes; never a function's globals, a generator's frame, a module or an exception's
    traceback. Operators: all of such instances, iteration and indexing of the rest.
    """
    is_tests_instance = vars(type(target)).get("__module__") == TESTS_MODULE
    if op == "call":
        if isinstance(target, type):
            return vars(target).get("__module__") == TESTS_MODULE
        return callable(target) and not any(target is function for function in DANGEROUS_FUNCTIONS)
    if op in ("get", "set"):
        if op == "get" and name in ("__name__", "__qualname__", "__doc__"):
            return True
        return is_tests_instance and (
            not name.startswith("_") or (op == "get" and name == "__class__")
        )
    if op == "do":
        return name in (OPERATOR_METHODS if is_tests_instance else ITERATION_METHODS)
    if op == "run":
        return isinstance(target, types.CoroutineType | types.AsyncGeneratorType) and name in (
            "await",
            "anext",
        )
    return op == "of" and name in ALLOWED_QUERIES
