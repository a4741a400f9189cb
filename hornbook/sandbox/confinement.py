"""The locks a process puts on itself before it meets a program: limits, Landlock, seccomp, no privileges.

In: numbers and paths. Out: nothing; the process is confined from then on, or OSError says which
lock failed. Only ctypes and the kernel, no dependency: this file runs inside the zygotes, under
`python -S`. Not covered: Landlock hides no names (stat, readlink), only contents; the mount
namespace of level A hides both. The kernel itself is trusted, and so is the hardware: a kernel
exploit or a timing side channel is outside.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import struct
from collections.abc import Iterable

from hornbook.sandbox import syscalls

LIBC = ctypes.CDLL(None, use_errno=True)
PYTHON = ctypes.PyDLL(
    None, use_errno=True
)  # the same functions, called without letting go of the interpreter's lock
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = (
    1,
    4,
    22,
    38,
    24,
)
OUTPUT_BYTES = 1 << 20  # a program's files, its captured output among them, are cut here
CAP_DAC_READ_SEARCH = 2
WRITE_FILE, READ_FILE, READ_DIR = 2, 4, 8


def check(value: int, what: str) -> int:
    """The value of a libc call, or OSError with the kernel's reason."""
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return value


def fork() -> int:
    """fork() without Python's hooks: a process of one thread needs none, and they cost 0.6 ms of page faults."""
    return check(PYTHON.fork(), "fork")


def prctl(option: int, value: int) -> None:
    check(LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def confine() -> None:
    """What is set once in a zygote and inherited by every program: nothing gained by exec, nothing dumped or traced."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    prctl(PR_SET_DUMPABLE, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_FSIZE, OUTPUT_BYTES),
        (resource.RLIMIT_STACK, 8 << 20),
    ):
        resource.setrlimit(limit, (value, value))


def limit_program(cpu_s: int, memory_bytes: int, threads: int) -> None:
    """What is set in each program: CPU seconds (behind the zygote's own clock), address space, files, threads.

    The kernel counts threads by user, so that limit (0: none) is for a user who owns nothing else.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    if threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    return max(0, int(LIBC.syscall(syscalls.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def landlock(
    readable: Iterable[str], writable: Iterable[str], listable: Iterable[str] = ()
) -> None:
    """Only read below `readable`, list below `listable`, do both and write below `writable`; no TCP, no signal or
    abstract socket to the outside.

    Every right that this kernel's version knows is handled, so what is not granted here is refused.
    Source: Documentation/userspace-api/landlock.rst; version 4 added TCP, 5 ioctl on devices, 6 the
    scopes.
    """
    abi = landlock_abi()
    if abi < 1:
        raise OSError(38, "Landlock is not available")
    files = (1 << (13 + (abi >= 2) + (abi >= 3) + (abi >= 5))) - 1
    attributes = struct.pack("=QQQ", files, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 8 if abi < 4 else 16 if abi < 6 else 24
    ruleset = check(
        LIBC.syscall(syscalls.LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0),
        "Landlock",
    )
    try:
        for path in readable:
            _allow(ruleset, path, READ_FILE | READ_DIR)
        for path in listable:
            _allow(ruleset, path, READ_DIR)
        for path in writable:
            _allow(ruleset, path, files & ~1)  # never execute
        check(LIBC.syscall(syscalls.LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock")
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    if not os.path.isdir(path):
        rights &= READ_FILE | WRITE_FILE
    rule = struct.pack("=Qi", rights, handle)
    try:
        check(
            LIBC.syscall(syscalls.LANDLOCK_ADD_RULE, ruleset, 1, rule, 0),
            f"Landlock rule for {path}",
        )
    finally:
        os.close(handle)


class Seccomp:
    """The allow-list of syscalls.py as one BPF program; `install` patches in the own pid and loads it (irrevocable)."""

    def __init__(self) -> None:
        table = syscalls.TABLES.get(platform.machine())
        if table is None:
            raise OSError(38, f"seccomp: no table for the architecture {platform.machine()}")
        code, self._pid_at = syscalls.program(table)
        self._buffer = ctypes.create_string_buffer(code, len(code))
        self._fprog = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._buffer))
        )

    def install(self) -> None:
        pid = struct.pack("=I", os.getpid())
        for at in self._pid_at:
            ctypes.memmove(ctypes.addressof(self._buffer) + at, pid, 4)
        check(LIBC.prctl(PR_SET_SECCOMP, 2, self._fprog, 0, 0), "seccomp")


def drop_privileges(uid: int, keep_reading: bool) -> None:
    """Give up every capability; as root first become `uid`, which owns nothing.

    With keep_reading the right to read what others may not (CAP_DAC_READ_SEARCH) stays, for an
    interpreter that lies in a closed home directory at level B; Landlock then decides alone what is
    read.
    """
    if uid:
        prctl(8, 1)  # PR_SET_KEEPCAPS: the one capability must survive the change
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    for capability in range(64):
        LIBC.prctl(
            PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0
        )  # fails where there is nothing to drop
    kept = 1 << CAP_DAC_READ_SEARCH if keep_reading else 0
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    data = struct.pack("=6I", kept, kept, 0, 0, 0, 0)
    check(LIBC.capset(header, data), "capset")
