"""The system calls that a program may make, as data and as the BPF program that enforces it.

In: the table of one architecture. Out: bytes for prctl(PR_SET_SECCOMP), and the offsets in them at
which the process's own id has to be written. A call that is not listed fails with EPERM. A call of
another architecture, or with an x32 number, kills the process.

No listed call starts a process, opens a socket to anywhere, sends a signal to another process or
changes the limits, owner or mode of anything that is not the program's.

Not covered: arguments in memory, which a filter cannot read.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446

# Calls without conditions: name, number on x86_64, number on aarch64 (-1: there is none). Source:
# the kernel's unistd.h.
ALLOWED_CALLS = """
read 0 63; write 1 64; open 2 -1; close 3 57; stat 4 -1; fstat 5 80; lstat 6 -1; poll 7 -1
lseek 8 62; mmap 9 222; mprotect 10 226; munmap 11 215; brk 12 214; rt_sigaction 13 134
rt_sigprocmask 14 135; rt_sigreturn 15 139; pread64 17 67; pwrite64 18 68; readv 19 65
writev 20 66; access 21 -1; pipe 22 -1; select 23 -1; sched_yield 24 124; mremap 25 216
mincore 27 232; madvise 28 233; dup 32 23; dup2 33 -1; pause 34 -1; nanosleep 35 101
getitimer 36 102; alarm 37 -1; setitimer 38 103; getpid 39 172; sendfile 40 71; recvfrom 45 207
shutdown 48 210; getsockname 51 204; getpeername 52 205; setsockopt 54 208; getsockopt 55 209
exit 60 93; wait4 61 260; uname 63 160; flock 73 32; fsync 74 82; fdatasync 75 83; ftruncate 77 46
getdents 78 -1; getcwd 79 17; chdir 80 49; fchdir 81 50; rename 82 -1; mkdir 83 -1; rmdir 84 -1
creat 85 -1; link 86 -1; unlink 87 -1; symlink 88 -1; readlink 89 -1; umask 95 166
gettimeofday 96 169; getrlimit 97 163; getrusage 98 165; sysinfo 99 179; times 100 153
getuid 102 174; getgid 104 176; geteuid 107 175; getegid 108 177; getppid 110 173; getpgrp 111 -1
getgroups 115 158; getresuid 118 148; getresgid 120 150; getpgid 121 155; getsid 124 156
rt_sigpending 127 136; rt_sigtimedwait 128 137; rt_sigsuspend 130 133; sigaltstack 131 132
statfs 137 43; fstatfs 138 44; getpriority 140 141; time 201 -1; gettid 186 178; futex 202 98
sched_getaffinity 204 123; epoll_create 213 -1; getdents64 217 61; set_tid_address 218 96
restart_syscall 219 128; clock_gettime 228 113; clock_getres 229 114; clock_nanosleep 230 115
exit_group 231 94; epoll_wait 232 -1; epoll_ctl 233 21; openat 257 56; mkdirat 258 34
newfstatat 262 79; unlinkat 263 35; renameat 264 38; linkat 265 37; symlinkat 266 36
readlinkat 267 78; faccessat 269 48; pselect6 270 72; ppoll 271 73; set_robust_list 273 99
get_robust_list 274 100; epoll_pwait 281 22; eventfd 284 -1; fallocate 285 47; eventfd2 290 19
epoll_create1 291 20; dup3 292 24; pipe2 293 59; preadv 295 69; pwritev 296 70; getcpu 309 168
renameat2 316 276; getrandom 318 278; membarrier 324 283; copy_file_range 326 285; statx 332 291
rseq 334 293; close_range 436 436; faccessat2 439 439; epoll_pwait2 441 441
"""

ENOSYS, EPERM = 38, 1
# SECCOMP_RET_* of linux/seccomp.h; the error number is added to ERRNO.
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
# Stands for the process's own id until that is written in. No process has this id.
PID_PLACEHOLDER = 0xFFFFFFFF
# Operation codes of classic BPF (linux/bpf_common.h), all on 32-bit words.
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
# Offsets in struct seccomp_data: call number, architecture, arguments of 64 bits each.
NUMBER_OFFSET, ARCH_OFFSET, ARGUMENTS_OFFSET = 0, 4, 16
INSTRUCTION_BYTES = 8
# x32 calls on x86_64 have this bit set in their number, and run past a table of 64-bit calls.
X32_BIT = 0x40000000

# code, jump if true, jump if false, operand
Instruction = tuple[int, int, int, int]


@dataclass(frozen=True)
class SyscallRule:
    """A call that is allowed under conditions on its arguments.

    Attributes:
        name: the call.
        call_numbers: on x86_64 and on aarch64.
        argument_tests: (argument index, mask, values): the argument's low 32 bits under the mask
            must be among the values. All tests must hold.
        refusal: what the filter returns otherwise.
        null_argument: the index of a pointer that must be null in all 64 bits; -1: none.
    """

    name: str
    call_numbers: tuple[int, int]
    argument_tests: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    refusal: int = ERRNO | EPERM
    null_argument: int = -1


ALL_BITS = 0xFFFFFFFF
# Under the mask 0 every argument is 0, so it is never 1.
NEVER = ((0, 0, (1,)),)
CLONE_THREAD = 0x10000
# TCGETS, FIOCLEX, FIONBIO, FIONREAD
IOCTL_REQUESTS = (0x5401, 0x5451, 0x5421, 0x541B)
# Duplicates, flags and locks (F_DUPFD to F_SETLKW, F_DUPFD_CLOEXEC). Not F_SETOWN and F_SETSIG,
# which send signals to others.
FCNTL_COMMANDS = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
OWN_PROCESS = ((0, ALL_BITS, (PID_PLACEHOLDER,)),)
SYSCALL_RULES = (
    # Threads, never processes.
    SyscallRule("clone", (56, 220), ((0, CLONE_THREAD, (CLONE_THREAD,)),)),
    # Its flags lie in memory. With ENOSYS the C library falls back to clone.
    SyscallRule("clone3", (435, 435), NEVER, ERRNO | ENOSYS),
    SyscallRule("openat2", (437, 437), NEVER, ERRNO | ENOSYS),
    SyscallRule("kill", (62, 129), OWN_PROCESS),
    SyscallRule("tgkill", (234, 131), OWN_PROCESS),
    # Without new limits it only reads them.
    SyscallRule("prlimit64", (302, 261), null_argument=2),
    SyscallRule("ioctl", (16, 29), ((1, ALL_BITS, IOCTL_REQUESTS),)),
    SyscallRule("fcntl", (72, 25), ((1, ALL_BITS, FCNTL_COMMANDS),)),
    # AF_UNIX, SOCK_STREAM: the event loop of asyncio needs a pair.
    SyscallRule("socketpair", (53, 199), ((0, ALL_BITS, (1,)), (1, 0xF, (1,)))),
    # Without an address it sends only on what is connected.
    SyscallRule("sendto", (44, 206), null_argument=4),
    # PR_SET_NAME and PR_GET_NAME: a thread's name.
    SyscallRule("prctl", (157, 167), ((0, ALL_BITS, (15, 16)),)),
)


@dataclass(frozen=True)
class SyscallTable:
    """The calls of one architecture.

    Attributes:
        audit_arch: its AUDIT_ARCH_* number (linux/audit.h).
        allowed_calls: numbers of the calls without conditions.
        column: its index in SyscallRule.call_numbers.
    """

    audit_arch: int
    allowed_calls: tuple[int, ...]
    column: int


def _parse_allowed_calls(column: int) -> tuple[int, ...]:
    call_numbers = []
    for entry in ALLOWED_CALLS.strip().replace("\n", ";").split(";"):
        call_number = int(entry.split()[1 + column])
        if call_number >= 0:
            call_numbers.append(call_number)
    return tuple(call_numbers)


TABLES = {
    "x86_64": SyscallTable(0xC000003E, _parse_allowed_calls(0), 0),
    "aarch64": SyscallTable(0xC00000B7, _parse_allowed_calls(1), 1),
}


def build_filter(table: SyscallTable) -> tuple[bytes, list[int]]:
    """Build the filter of one architecture.

    Returns:
        (instructions of 8 bytes each, byte offsets at which the own process id has to be written
        as 32-bit integer).
    """
    code: list[Instruction] = [
        # The same numbers are other calls on another architecture, such as i386 on x86_64.
        (LOAD, 0, 0, ARCH_OFFSET),
        (EQUAL, 1, 0, table.audit_arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_OFFSET),
        (AT_LEAST, 0, 1, X32_BIT),
        (RETURN, 0, 0, KILL),
    ]
    allow: list[Instruction] = [(RETURN, 0, 0, ALLOW)]
    actions = dict.fromkeys(table.allowed_calls, allow)
    actions |= {rule.call_numbers[table.column]: _build_rule(rule) for rule in SYSCALL_RULES}
    code += _build_search_tree(_group_ranges(actions))
    pid_offsets = []
    for i, (operation, _, _, operand) in enumerate(code):
        if operation == EQUAL and operand == PID_PLACEHOLDER:
            # The operand is the second half of the instruction.
            pid_offsets.append(INSTRUCTION_BYTES * i + 4)
    # struct sock_filter
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code), pid_offsets


def _group_ranges(actions: Mapping[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """Ranges of call numbers with the same action: (first number, instructions), in order.

    Numbers without an action are refused.
    """
    refuse: list[Instruction] = [(RETURN, 0, 0, ERRNO | EPERM)]
    ranges = [(0, actions.get(0, refuse))]
    for call_number in range(1, max(actions) + 2):
        action = actions.get(call_number, refuse)
        if action != ranges[-1][1]:
            ranges.append((call_number, action))
    return ranges


def _build_search_tree(ranges: Sequence[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """A binary search for the range of the call number.

    The kernel runs the filter once for every call number when it is loaded: a linear search took
    0.7 ms.
    """
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _build_search_tree(ranges[:middle]), _build_search_tree(ranges[middle:])
    # A jump of BPF is one byte, 255 instructions at most: struct.pack refuses a longer one.
    return [(AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]


def _build_rule(rule: SyscallRule) -> list[Instruction]:
    """Instructions for a call whose number has matched. They always return."""
    refuse = (RETURN, 0, 0, rule.refusal)
    code: list[Instruction] = []
    for argument, mask, values in rule.argument_tests:
        # The low half of the argument: both architectures are little-endian.
        code += [(LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * argument), (AND, 0, 0, mask)]
        # A match jumps over the other values and the refusal.
        code += [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
        code.append(refuse)
    if rule.null_argument >= 0:
        low_half = ARGUMENTS_OFFSET + 8 * rule.null_argument
        for offset in (low_half, low_half + 4):
            code += [(LOAD, 0, 0, offset), (EQUAL, 1, 0, 0), refuse]
    return [*code, (RETURN, 0, 0, ALLOW)]
