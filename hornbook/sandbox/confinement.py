"""Confinement: what a process gives up before it runs a program.

In: limits and paths. Out: nothing; the process is confined from then on, or OSError says which step
failed. It needs only ctypes and the kernel, because it runs inside the zygotes, under `python -S`.

Not covered: names of files. Landlock hides contents only, not names (stat, readlink); the mount
namespace of level A hides both. Kernel and hardware are trusted: kernel exploits and timing side
channels are out of scope.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import resource
import struct
from collections.abc import Iterable

from hornbook.sandbox import syscalls

LIBC = ctypes.CDLL(None, use_errno=True)
# The same functions, called while holding the interpreter's lock: a forked child has no other
# thread that could give it back.
LIBC_WITH_GIL = ctypes.PyDLL(None, use_errno=True)
# linux/prctl.h
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_CAPBSET_DROP, PR_SET_NO_NEW_PRIVS = 24, 38
SECCOMP_MODE_FILTER = 2
# linux/capability.h
CAP_DAC_READ_SEARCH = 2
MAX_CAPABILITIES = 64
LINUX_CAPABILITY_VERSION_3 = 0x20080522
# linux/landlock.h: rights for files, and the type of a rule for a path.
EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1, 2, 4, 8
LANDLOCK_CREATE_RULESET_VERSION, LANDLOCK_RULE_PATH_BENEATH = 1, 1

MAX_FILE_BYTES = 1 << 20  # of each file that a program writes
MAX_STACK_BYTES = 8 << 20
MAX_OPEN_FILES = 64


def check_call(result: int, call_name: str) -> int:
    """The result of a libc call. Raises OSError with the kernel's reason if it failed."""
    if result < 0:
        error_code = ctypes.get_errno()
        raise OSError(error_code, f"{call_name}: {os.strerror(error_code)}")
    return result


def fork_process() -> int:
    """fork() without Python's hooks; the child's process id, 0 in the child.

    A process with one thread needs no hooks, and they cost 0.6 ms of page faults.
    """
    return check_call(LIBC_WITH_GIL.fork(), "fork")


def call_prctl(option: int, value: int) -> None:
    """prctl(option, value). Raises OSError if it fails."""
    # c_ulong: a variadic function takes what is passed, and an int would leave the upper half open.
    check_call(LIBC.prctl(option, ctypes.c_ulong(value), 0, 0, 0), f"prctl {option}")


def confine_process() -> None:
    """Set what a zygote's children inherit.

    No rights by exec, no core dumps, no tracing by others, no locked memory, no message queues,
    small files, a small stack.
    """
    call_prctl(PR_SET_NO_NEW_PRIVS, 1)
    call_prctl(PR_SET_DUMPABLE, 0)
    for limit, value in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_FSIZE, MAX_FILE_BYTES),
        (resource.RLIMIT_STACK, MAX_STACK_BYTES),
    ):
        resource.setrlimit(limit, (value, value))


def limit_program(cpu_s: int, memory_bytes: int, threads: int) -> None:
    """Set the limits of one program's process.

    Args:
        cpu_s: CPU seconds, above the zygote's own limit.
        memory_bytes: address space.
        threads: processes and threads of this user; 0: no limit. The kernel counts them by user, so
            the limit is for a user who owns nothing else.
    """
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_NOFILE, (MAX_OPEN_FILES, MAX_OPEN_FILES))
    if threads:
        resource.setrlimit(resource.RLIMIT_NPROC, (threads, threads))
    # Last: the calls above need memory.
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def read_landlock_abi() -> int:
    """The kernel's Landlock version; 0 where there is none."""
    version = LIBC.syscall(
        syscalls.LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_CREATE_RULESET_VERSION
    )
    return max(0, int(version))


def apply_landlock(
    readable: Iterable[str], writable: Iterable[str], listable: Iterable[str] = ()
) -> None:
    """Restrict this process to these paths for ever.

    TCP, signals and abstract sockets to the outside are refused too, where the kernel's version
    can. Source: Documentation/userspace-api/landlock.rst.

    Args:
        readable: files, and folders whose files may be read and listed.
        writable: the same, and written.
        listable: folders that may be listed only.

    Raises:
        OSError: the kernel has no Landlock.
    """
    abi_version = read_landlock_abi()
    if abi_version < 1:
        raise OSError(errno.ENOSYS, "Landlock is not available")
    # All rights that this version knows are handled, so what is not granted below is refused.
    # Version 1 has 13 file rights; 2 added links between folders, 3 truncation, 5 ioctl on devices.
    file_rights = (1 << (13 + (abi_version >= 2) + (abi_version >= 3) + (abi_version >= 5))) - 1
    # The structure grows: version 4 added two rights of TCP, 6 two scopes. An older kernel refuses
    # a longer structure.
    if abi_version < 4:
        attributes = struct.pack("=Q", file_rights)
    elif abi_version < 6:
        attributes = struct.pack("=QQ", file_rights, 3)
    else:
        attributes = struct.pack("=QQQ", file_rights, 3, 3)
    size = ctypes.c_size_t(len(attributes))
    ruleset = check_call(
        LIBC.syscall(syscalls.LANDLOCK_CREATE_RULESET, attributes, size, 0), "Landlock"
    )
    try:
        for path in readable:
            _allow_path(ruleset, path, READ_FILE | READ_DIR)
        for path in listable:
            _allow_path(ruleset, path, READ_DIR)
        for path in writable:
            _allow_path(ruleset, path, file_rights & ~EXECUTE)
        check_call(LIBC.syscall(syscalls.LANDLOCK_RESTRICT_SELF, ruleset, 0), "Landlock")
    finally:
        os.close(ruleset)


def _allow_path(ruleset: int, path: str, rights: int) -> None:
    try:
        path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    # A path that does not exist needs no right.
    except OSError:
        return
    # The kernel refuses a folder's rights on a file.
    if not os.path.isdir(path):
        rights &= READ_FILE | WRITE_FILE
    # struct landlock_path_beneath_attr, which is packed.
    rule = struct.pack("=Qi", rights, path_fd)
    try:
        result = LIBC.syscall(
            syscalls.LANDLOCK_ADD_RULE, ruleset, LANDLOCK_RULE_PATH_BENEATH, rule, 0
        )
        check_call(result, f"Landlock rule for {path}")
    finally:
        os.close(path_fd)


class SeccompFilter:
    """The allow-list of syscalls.py as one BPF program.

    It is built once in the zygote and installed in each child.
    """

    def __init__(self) -> None:
        """Raises OSError for an architecture without a table."""
        table = syscalls.TABLES.get(platform.machine())
        if table is None:
            raise OSError(
                errno.ENOSYS, f"seccomp: no table for the architecture {platform.machine()}"
            )
        code, self._pid_offsets = syscalls.build_filter(table)
        self._instructions = ctypes.create_string_buffer(code, len(code))
        # struct sock_fprog: the number of instructions and their address.
        header = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(self._instructions))
        self._filter_header = ctypes.create_string_buffer(header)

    def install_filter(self) -> None:
        """Write this process's id into the program and install it. It cannot be removed."""
        pid = struct.pack("=I", os.getpid())
        for offset in self._pid_offsets:
            ctypes.memmove(ctypes.addressof(self._instructions) + offset, pid, 4)
        result = LIBC.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, self._filter_header, 0, 0)
        check_call(result, "seccomp")


def drop_privileges(uid: int, keep_read_capability: bool) -> None:
    """Give up every capability.

    Args:
        uid: the user to become, who should own nothing; 0: stay the same user.
        keep_read_capability: keep the right to read any file (CAP_DAC_READ_SEARCH). At level B the
            interpreter may lie in a closed home directory; what is read is then for Landlock alone
            to decide.
    """
    if uid:
        # Else the change of user drops the one capability too.
        call_prctl(PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    for capability in range(MAX_CAPABILITIES):
        # Unchecked: it fails where there is nothing to drop.
        LIBC.prctl(PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0)
    kept_capabilities = 1 << CAP_DAC_READ_SEARCH if keep_read_capability else 0
    # struct __user_cap_header_struct with pid 0, this thread, then two __user_cap_data_struct:
    # effective, permitted and inheritable, for capabilities 0 to 31 and 32 to 63.
    header = struct.pack("=Ii", LINUX_CAPABILITY_VERSION_3, 0)
    data = struct.pack("=6I", kept_capabilities, kept_capabilities, 0, 0, 0, 0)
    check_call(LIBC.capset(header, data), "capset")
