"""The tests' process: fetch the program's objects as proxies, run the tests, report one verdict.

In: the tests' text, the names they need, the socket to the program. Out: one line on the report
pipe, which the program never has. Nothing of the tests goes to the program but the arguments of its
calls. What it may do with those (callbacks, instances of the tests' classes) is_permitted decides.

Not covered: tests that read the program's source or subclass its classes.
"""

from __future__ import annotations

import builtins
import sys
import types
from collections.abc import Iterator, Sequence

from hornbook.sandbox import codec
from hornbook.sandbox.frames import (
    AWAIT,
    CALL,
    CALL_METHOD,
    GET_ATTRIBUTE,
    QUERY,
    SET_ATTRIBUTE,
    PeerGone,
)
from hornbook.sandbox.peer import Peer
from hornbook.sandbox.program_side import (
    describe_assertion,
    describe_error,
    find_failing_line,
    write_report,
)
from hornbook.sandbox.proxies import COMPARISONS, SPECIAL_METHODS, is_remote

TESTS_FILE = "tests.py"
TESTS_MODULE = "tests"  # the __module__ of what the tests define
# What tests may use without importing it, if the program imports it.
_STANDARD_OBJECTS = {name for _, name in codec.NAMED_OBJECTS} | set(codec.NAMED_MODULES)
STANDARD_NAMES = (_STANDARD_OBJECTS | codec.WHOLE_MODULES) - set(dir(builtins))
ITERATION_METHODS = frozenset(
    ("__iter__", "__next__", "__len__", "__getitem__", "__bool__", "__reversed__")
) | {"__length_hint__"}
OPERATOR_METHODS = frozenset((*SPECIAL_METHODS, *COMPARISONS))
# Without copy and deepcopy, which would call methods of the tests' objects.
ALLOWED_QUERIES = {"repr", "str", "hash", "format", "isinstance", "issubclass", "plain"}
DANGEROUS_FUNCTIONS = [
    vars(builtins)[name] for name in codec.DANGEROUS_BUILTINS if name in vars(builtins)
]


def run_tests(
    tests: str, names: Sequence[str], classes: Sequence[str] | None, socket_fd: int, report_fd: int
) -> None:
    """Run the tests against the program and report the verdict.

    Args:
        tests: Python code.
        names: what it takes from the program; empty: every name that it uses and does not define.
        classes: the names that are classes; None: every name in CapWords.
        socket_fd: the socket to the program's process.
        report_fd: the pipe for the report.
    """
    # Before the program is asked for anything: what fails here is no fault of the program.
    try:
        compiled = compile(tests, TESTS_FILE, "exec", dont_inherit=True)
    except BaseException as error:
        text = describe_error(error)[1]
        return write_report(report_fd, "error", f"the tests do not compile: {text}")
    peer = Peer(socket_fd, is_permitted)
    try:
        objects = _fetch_objects(peer, names, set(_collect_names(compiled)), classes)
        exec(compiled, {"__name__": TESTS_MODULE, "__builtins__": builtins} | objects)
    except PeerGone:
        return write_report(report_fd, "gone", peer.end_reason)
    except BaseException as error:
        # What the tests raise after the program's end is a consequence of it.
        if peer.end_reason:
            return write_report(report_fd, "gone", peer.end_reason)
        return write_report(report_fd, *_describe_failure(error, tests))
    # Tests that swallowed the program's end must not pass.
    if peer.end_reason:
        return write_report(report_fd, "gone", peer.end_reason)
    return write_report(report_fd, "passed")


def _fetch_objects(
    peer: Peer, names: Sequence[str], used_names: set[str], classes: Sequence[str] | None
) -> dict[str, object]:
    """The program's objects under these names, and the standard modules that it imports.

    Tests written beside a program use what it imports. Of that only genuine parts of the standard
    library are taken, under their own names, and this process's own copies of them: a program
    cannot replace isclose by its own.
    """
    requested_names = sorted(used_names)
    # With names given, the rest is offered only if it is standard.
    if names:
        requested_names = [*names, *sorted(used_names & STANDARD_NAMES - set(names))]
    objects = {}
    for name, value in peer.request_offer(requested_names, classes).items():
        if not names or name in names or _is_standard(name, value):
            objects[name] = value
    return objects


def _is_standard(name: str, value: object) -> bool:
    """Whether this process has the same object under this name in its standard library."""
    if isinstance(value, types.ModuleType):
        modules = sys.modules if name in codec.WHOLE_MODULES else codec.NAMED_MODULES
        return value is modules.get(name)
    return codec.NAME_BY_ID.get(id(value), ("", ""))[1] == name


def _collect_names(code: types.CodeType) -> Iterator[str]:
    """Names that the tests use and that are not built in, nested functions included."""
    for name in code.co_names:
        if not hasattr(builtins, name) and not name.startswith("__"):
            yield name
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _collect_names(constant)


def _describe_failure(error: BaseException, tests: str) -> tuple[str, str]:
    """Status and reason for an exception that the tests did not catch."""
    if isinstance(error, AssertionError) and not is_remote(error):
        return "failed", describe_assertion(error, tests, TESTS_FILE)
    status, text = describe_error(error)
    if is_remote(error):
        return status, text
    return status, f"{text} (in the tests: {find_failing_line(error, tests, TESTS_FILE)})"


def is_permitted(op: str, target: object, name: str) -> bool:
    """Whether the program may do this with an object that the tests passed to it.

    - Calls: functions, and classes that the tests define.
    - Attributes: public ones, of instances of such classes. Never a function's globals, a
      generator's frame, a module or an exception's traceback.
    - Operators: all of such instances; iteration and indexing of other objects.

    Args:
        op: an operation of frames.py.
        target: the object.
        name: the attribute, special method or query; "" for a call.
    """
    # vars() and not __module__: the attribute could be set on the instance.
    is_tests_instance = vars(type(target)).get("__module__") == TESTS_MODULE
    if op == CALL:
        if isinstance(target, type):
            return vars(target).get("__module__") == TESTS_MODULE
        return callable(target) and not any(target is function for function in DANGEROUS_FUNCTIONS)
    if op == GET_ATTRIBUTE:
        if name in ("__name__", "__qualname__", "__doc__"):
            return True
        return is_tests_instance and (name == "__class__" or not name.startswith("_"))
    # Not __class__: setting it would change what the object is.
    if op == SET_ATTRIBUTE:
        return is_tests_instance and not name.startswith("_")
    if op == CALL_METHOD:
        return name in (OPERATOR_METHODS if is_tests_instance else ITERATION_METHODS)
    if op == AWAIT:
        is_awaitable = isinstance(target, types.CoroutineType | types.AsyncGeneratorType)
        return is_awaitable and name in ("await", "anext")
    return op == QUERY and name in ALLOWED_QUERIES
