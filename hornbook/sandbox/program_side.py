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

from hornbook.sandbox.peer import Peer, PeerGone

PROGRAM_FILE = "program.py"
MAX_REASON_CHARACTERS = 300


def write_report(report_fd: int, status: str, reason: str = "") -> None:
    """Write the one line with which a program's process says how it ended."""
    text = reason[:MAX_REASON_CHARACTERS].encode("utf-8", "replace").decode("utf-8")
    os.write(report_fd, json.dumps({"status": status, "reason": text}).encode() + b"\n")


def describe_error(error: BaseException) -> tuple[str, str]:
    """The status of an exception that nothing caught, and it in words."""
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:
        text = type(error).__name__
    text = text.strip().removesuffix(":")
    if isinstance(error, MemoryError):
        return "memory", text
    return ("refused" if isinstance(error, PermissionError) else "error"), text


def serve_program(code: str, socket_fd: int, report_fd: int) -> None:
    """Load the program as a module that is imported, not run, then answer the tests until they are done."""
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
    """Run the program as `python program.py` does, and say how it ended."""
    if not _load_program(code, _make_module("__main__"), report_fd):
        return
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    _flush_streams()
    write_report(report_fd, "passed")


def _make_module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    sys.modules[name] = module  # dataclasses and typing look a class's module up
    vars(module).update(__builtins__=builtins, __file__=PROGRAM_FILE)
    return module


def _load_program(code: str, module: types.ModuleType, report_fd: int) -> bool:
    """Whether the program ran to its end; if not, why has been reported."""
    try:
        compiled = compile(code, PROGRAM_FILE, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError) as error:
        line_note = (
            f" (line {error.lineno})" if isinstance(error, SyntaxError) and error.lineno else ""
        )
        write_report(report_fd, "syntax", f"{getattr(error, 'msg', None) or error}{line_note}")
        return False
    except BaseException as error:  # MemoryError and RecursionError for texts nested too deeply
        write_report(report_fd, "syntax", f"the parser gives up: {describe_error(error)[1]}")
        return False
    try:
        exec(compiled, vars(module))
    except SystemExit as end:
        if module.__name__ == "__main__" and end.code in (None, 0) and _exits_at_end(end, code):
            return True
        write_report(
            report_fd,
            "error",
            f"SystemExit: {end.code}{'' if end.code else ', before the end of the program'}",
        )
        return False
    except BaseException as error:
        _flush_streams(error)
        if module.__name__ == "__main__" and isinstance(error, AssertionError):
            write_report(report_fd, "failed", describe_assertion(error, code, PROGRAM_FILE))
        else:
            write_report(report_fd, *describe_error(error))
        return False
    return True


def describe_assertion(error: AssertionError, text: str, file_name: str) -> str:
    """The line of this text that failed, and what it said."""
    message = " ".join(str(error).split())
    return find_failing_line(error, text, file_name) + (f" ({message})" if message else "")


def find_failing_line(error: BaseException, text: str, file_name: str) -> str:
    """The innermost line of this text that raised."""
    line_number, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file_name:
            line_number = trace.tb_lineno
        trace = trace.tb_next
    lines = text.split("\n")
    return lines[line_number - 1].strip() if 0 < line_number <= len(lines) else ""


def _exits_at_end(error: SystemExit, code: str) -> bool:
    """Whether the last statement of the program exits: what stands below an earlier exit never ran."""
    trace = (
        error.__traceback__.tb_next if error.__traceback__ else None
    )  # the first frame is this file's
    return trace is not None and trace.tb_lineno >= ast.parse(code).body[-1].lineno


def _flush_streams(error: BaseException | None = None) -> None:
    try:
        if error is not None:
            trace = (
                error.__traceback__.tb_next if error.__traceback__ else None
            )  # without the frame of this file
            traceback.print_exception(error.with_traceback(trace))
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # the program may have put anything in their place
        pass
