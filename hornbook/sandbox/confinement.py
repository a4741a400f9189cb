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
LIBC_WITH_GIL = ctypes.PyDLL(
    None, use_errno=True
)  # the same functions, called without letting go of the interpreter's lock
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = (
    1,
    4,
    22,
    38,
    24,
)
MAX_FILE_BYTES = 1 << 20  # a program's files, its captured output among them, are cut here
CAP_DAC_READ_SEARCH = 2
WRITE_FILE, READ_FILE, READ_DIR = 2, 4, 8


def check_call(result: int, call_name: str) -> int:
    """The value of a libc call, or OSError with the kernel's reason."""
    if result < 0:
        error_code = ctypes.get_errno()
        raise OSError(error_code, f"{call_name}: {os.strerror(error_code)}")
    return result


def fork_process() -> int:
    """fork() without Python's hooks: a process of one thread needs none, and they cost 0.6 ms of page faults."""
    return check_call(LIBC_WITH_GIL.fork(), "fork")


def call_prctl(option: int, value: int) -> None:
    check_call(LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def confine_process() -> None:
    """What is set once in a zygote and inherited by every program: nothing gained by exec, nothing dumped or traced."""
    call_prctl(PR_SET_NO_NEW_PRIVS, 1)
    call_prctl(PR_SET_DUMPABLE, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
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


def read_landlock_abi() -> int:
    """The kernel's Landlock version, 0 where there is none."""
    return max(0, int(LIBC.syscall(syscalls.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def apply_landlock(
    readable: Iterable[str], writable: Iterable[str], listable: Iterable[str] = ()
) -> None:
    """Only read below `readable`, list below `listable`, do both and write below `writable`; no TCP, no signal or
    abstract socket to the outside.

    Every right that this kernel's version knows is handled, so what is not granted here is refused.
    Source: Documentation/userspace-api/landlock.rst; version 4 added TCP, 5 ioctl on devices, 6 the
    scopes.
    """
    abi_version = read_landlock_abi()
    if abi_version < 1:
        raise OSError(38, "Landlock is not available")
    file_rights = (1 << (13 + (abi_version >= 2) + (abi_version >= 3) + (abi_version >= 5))) - 1
    ruleset_attributes = struct.pack(
        "=QQQ", file_rights, 3 if abi_version >= 4 else 0, 3 if abi_version >= 6 else 0
    )
    attributes_size = 8 if abi_version < 4 else 16 if abi_version < 6 else 24
    ruleset = check_call(
        LIBC.syscall(
            syscalls.LANDLOCK_CREATE_RULESET,
            ruleset_attributes,
            ctypes.c_size_t(attributes_size),
            0,
        ),
        "Landlock",
    )
    try:
        for path in readable:
            _allow_path(ruleset, path, READ_FILE | READ_DIR)
        for path in listable:
            _allow_path(ruleset, path, READ_DIR)
        for path in writable:
            _allow_path(ruleset, path, file_rights & ~1)  # never execute
        check_call(LIBC.syscall(syscalls.LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock")
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no right
    if not os.path.isdir(path):
        rights &= READ_FILE | WRITE_FILE
    rule = struct.pack("=Qi", rights, path_fd)
    try:
        check_call(
            LIBC.syscall(syscalls.LANDLOCK_ADD_RULE, ruleset, 1, rule, 0),
            f"Landlock rule for {path}",
        )
    finally:
        os.close(path_fd)


class SeccompFilter:
    """The allow-list of syscalls.py as one BPF program; `install` patches in the own pid and loads it (irrevocable)."""

    def __init__(self) -> None:
        table = syscalls.TABLES.get(platform.machine())
        if table is None:
            raise OSError(38, f"seccomp: no table for the architecture {platform.machine()}")
        code, self._pid_offsets = syscalls.build_filter(table)
        self._instructions = ctypes.create_string_buffer(code, len(code))
        self._filter_header = ctypes.create_string_buffer(
            struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._instructions))
        )

    def install_filter(self) -> None:
        pid = struct.pack("=I", os.getpid())
        for offset in self._pid_offsets:
            ctypes.memmove(ctypes.addressof(self._instructions) + offset, pid, 4)
        check_call(LIBC.prctl(PR_SET_SECCOMP, 2, self._filter_header, 0, 0), "seccomp")


def drop_privileges(uid: int, keep_read_capability: bool) -> None:
    """Give up every capability; as root first become `uid`, which owns nothing.

    With keep_reading the right to read what others may not (CAP_DAC_READ_SEARCH) stays, for an
    interpreter that lies in a closed home directory at level B; Landlock then decides alone what is
    read.
    """
    if uid:
        call_prctl(8, 1)  # PR_SET_KEEPCAPS: the one capability must survive the change
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    for capability in range(64):
        LIBC.prctl(
            PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0
        )  # fails where there is nothing to drop
    kept_capabilities = 1 << CAP_DAC_READ_SEARCH if keep_read_capability else 0
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    data = struct.pack("=6I", kept_capabilities, kept_capabilities, 0, 0, 0, 0)
    check_call(LIBC.capset(header, data), "capset")
