"""What a program's own process does: run the program, then answer what the tests ask, or say how it ended.

In: a program's text and, where there are tests, the channel to them. Out: one line on the report
pipe. The program shares this process and can write that line itself; so with tests only bad news is
believed from here, and without tests "passed" means no more than that the program ran to its end
(trust="ran"): an exit before that is an error.
"""

from __future__ import annotations

import ast
import builtins
import json
import os
import sys
import threading
import traceback
import types

from hornbook.sandbox.peer import Gone, Peer

PLACE = "program.py"
REASON_CHARACTERS = 300


def report(handle: int, status: str, reason: str = "") -> None:
    """Write the one line with which a program's process says how it ended."""
    text = reason[:REASON_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    os.write(handle, json.dumps({"status": status, "reason": text}).encode() + b"\n")


def named(error: BaseException) -> tuple[str, str]:
    """The status of an exception that nothing caught, and it in words."""
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:
        text = type(error).__name__
    text = text.strip().removesuffix(":")
    if isinstance(error, MemoryError):
        return "memory", text
    return ("refused" if isinstance(error, PermissionError) else "error"), text


def serve(code: str, channel: int, handle: int) -> None:
    """Load the program as a module that is imported, not run, then answer the tests until they are done."""
    module = _module("program")
    if not _load(code, module, handle):
        return
    peer = Peer(channel, trusts=True)
    try:
        wanted = peer.receive()[1]
        peer.offer({name: vars(module)[name] for name in wanted if name in vars(module)})
        peer.serve()
    except Gone:
        pass


def run(code: str, handle: int) -> None:
    """Run the program as `python program.py` does, and say how it ended."""
    if not _load(code, _module("__main__"), handle):
        return
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    _flush()
    report(handle, "passed")


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and typing look a class's module up
    vars(module).update(__builtins__=builtins, __file__=PLACE)
    return module


def _load(code: str, module: types.ModuleType, handle: int) -> bool:
    """Whether the program ran to its end; if not, why has been reported."""
    try:
        compiled = compile(code, PLACE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError) as error:
        where = f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        report(handle, "syntax", f"{getattr(error, 'msg', None) or error}{where}")
        return False
    except BaseException as error:  # MemoryError and RecursionError for texts nested too deeply
        report(handle, "syntax", f"the parser gives up: {named(error)[1]}")
        return False
    try:
        exec(compiled, vars(module))
    except SystemExit as end:
        if module.__name__ == "__main__" and end.code in (None, 0) and _at_the_end(end, code):
            return True
        report(
            handle,
            "error",
            f"SystemExit: {end.code}{'' if end.code else ', before the end of the program'}",
        )
        return False
    except BaseException as error:
        _flush(error)
        if module.__name__ == "__main__" and isinstance(error, AssertionError):
            report(handle, "failed", assertion(error, code, PLACE))
        else:
            report(handle, *named(error))
        return False
    return True


def assertion(error: AssertionError, text: str, place: str) -> str:
    """The line of this text that failed, and what it said."""
    message = " ".join(str(error).split())
    return line(error, text, place) + (f" ({message})" if message else "")


def line(error: BaseException, text: str, place: str) -> str:
    """The innermost line of this text that raised."""
    at, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == place:
            at = trace.tb_lineno
        trace = trace.tb_next
    lines = text.split("\n")
    return lines[at - 1].strip() if 0 < at <= len(lines) else ""


def _at_the_end(error: SystemExit, code: str) -> bool:
    """Whether the last statement of the program exits: what stands below an earlier exit never ran."""
    trace = (
        error.__traceback__.tb_next if error.__traceback__ else None
    )  # the first frame is this file's
    return trace is not None and trace.tb_lineno >= ast.parse(code).body[-1].lineno


def _flush(error: BaseException | None = None) -> None:
    try:
        if error is not None:
            own = (
                error.__traceback__.tb_next if error.__traceback__ else None
            )  # without the frame of this file
            traceback.print_exception(error.with_traceback(own))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # the program may have put anything in their place
        pass
