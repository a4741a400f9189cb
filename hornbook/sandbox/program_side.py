"""The program's process: run the program, then answer the tests' requests, or report how it ended.

In: a program's text and, where there are tests, the socket to them. Out: one line on the report
pipe.

The program shares this process and can write that line itself. So with tests only bad news is
believed from here. Without tests "passed" means only that the program ran to its end
(trust="ran"); an exit before that is an error.

Not covered: a program without tests that writes the line of a pass and exits.
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

from hornbook.sandbox.frames import PeerGone
from hornbook.sandbox.peer import Peer

PROGRAM_FILE = "program.py"
MAX_REASON_CHARACTERS = 300


def write_report(report_fd: int, status: str, reason: str = "") -> None:
    """Write the one line that says how a process ended. It stays below PIPE_BUF, so it is whole."""
    # A lone surrogate cannot be encoded.
    text = reason[:MAX_REASON_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    os.write(report_fd, json.dumps({"status": status, "reason": text}).encode() + b"\n")


def describe_error(error: BaseException) -> tuple[str, str]:
    """Status and reason for an exception that nothing caught."""
    # str() of the program's exception may raise anything.
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:
        text = type(error).__name__
    text = text.strip().removesuffix(":")
    if isinstance(error, MemoryError):
        return "memory", text
    # seccomp and Landlock answer with EPERM and EACCES.
    return ("refused" if isinstance(error, PermissionError) else "error"), text


def serve_program(code: str, socket_fd: int, report_fd: int) -> None:
    """Import the program as a module, then answer the tests until their process ends."""
    module = _make_module("program")
    if not _load_program(code, module, report_fd):
        return
    peer = Peer(socket_fd, trusts_other_end=True)
    try:
        names = peer.receive_frame()[1]
        peer.send_offer({name: vars(module)[name] for name in names if name in vars(module)})
        peer.serve_requests()
    except PeerGone:
        pass


def run_program(code: str, report_fd: int) -> None:
    """Run the program as `python program.py` does, and report how it ended."""
    if not _load_program(code, _make_module("__main__"), report_fd):
        return
    # Python itself waits for these before it exits.
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    _flush_streams()
    write_report(report_fd, "passed")


def _make_module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    # dataclasses and typing look up a class's module here.
    sys.modules[name] = module
    vars(module).update(__builtins__=builtins, __file__=PROGRAM_FILE)
    return module


def _load_program(code: str, module: types.ModuleType, report_fd: int) -> bool:
    """Run the program's code in a module.

    Returns:
        Whether it ran to its end. If not, the reason has been reported.
    """
    compiled = _compile_program(code, report_fd)
    if compiled is None:
        return False
    is_main = module.__name__ == "__main__"
    try:
        exec(compiled, vars(module))
    except SystemExit as error:
        if is_main and error.code in (None, 0) and _exits_at_end(error, code):
            return True
        note = "" if error.code else ", before the end of the program"
        write_report(report_fd, "error", f"SystemExit: {error.code}{note}")
        return False
    except BaseException as error:
        _flush_streams(error)
        if is_main and isinstance(error, AssertionError):
            write_report(report_fd, "failed", describe_assertion(error, code, PROGRAM_FILE))
        else:
            write_report(report_fd, *describe_error(error))
        return False
    return True


def _compile_program(code: str, report_fd: int) -> types.CodeType | None:
    """Compile the program; None if that fails, which has been reported."""
    try:
        return compile(code, PROGRAM_FILE, "exec", dont_inherit=True)
    # ValueError: null bytes. OverflowError: a line number beyond the limit.
    except (SyntaxError, ValueError, OverflowError) as error:
        has_line = isinstance(error, SyntaxError) and error.lineno
        line_note = f" (line {error.lineno})" if has_line else ""  # type: ignore[union-attr]
        write_report(report_fd, "syntax", f"{getattr(error, 'msg', None) or error}{line_note}")
    # MemoryError and RecursionError: a text that is nested too deeply.
    except BaseException as error:
        write_report(report_fd, "syntax", f"the parser gives up: {describe_error(error)[1]}")
    return None


def describe_assertion(error: AssertionError, text: str, file_name: str) -> str:
    """The line of the text that failed, with the assertion's message in parentheses."""
    message = " ".join(str(error).split())
    message_note = f" ({message})" if message else ""
    return find_failing_line(error, text, file_name) + message_note


def find_failing_line(error: BaseException, text: str, file_name: str) -> str:
    """The innermost line of the text that raised the error; "" if there is none.

    Args:
        text: the code that was compiled under `file_name`.
    """
    line_number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file_name:
            line_number = trace.tb_lineno
        trace = trace.tb_next
    lines = text.split("\n")
    return lines[line_number - 1].strip() if 0 < line_number <= len(lines) else ""


def _exits_at_end(error: SystemExit, code: str) -> bool:
    """Whether the last statement of the program exits. After an earlier exit the rest never ran."""
    trace = _trace_of_program(error)
    return trace is not None and trace.tb_lineno >= ast.parse(code).body[-1].lineno


def _trace_of_program(error: BaseException) -> types.TracebackType | None:
    """The traceback without its first frame, which is that of _load_program."""
    return error.__traceback__.tb_next if error.__traceback__ else None


def _flush_streams(error: BaseException | None = None) -> None:
    """Print an uncaught exception as Python does, and flush the output."""
    try:
        if error is not None:
            traceback.print_exception(error.with_traceback(_trace_of_program(error)))
        sys.stdout.flush()
        sys.stderr.flush()
    # The program may have put anything in the place of the streams.
    except BaseException:
        pass
