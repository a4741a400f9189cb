"""Which system calls a program may make, as data and as the BPF program that enforces it.

In: a table for one architecture. Out: bytes for prctl(PR_SET_SECCOMP), and where the own pid goes
in them. Everything that is not listed answers EPERM; a foreign architecture or an x32 number kills.
Nothing here makes a process, opens a socket to anywhere, sends a signal to another process or
changes another's limits, owner or mode.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LANDLOCK_CREATE_RULESET, LANDLOCK_ADD_RULE, LANDLOCK_RESTRICT_SELF = 444, 445, 446

# Calls without conditions: name, x86_64, aarch64 (-1 where the architecture has none). From the
# kernel's unistd.h.
ALLOWED_CALLS = """
read 0 63; write 1 64; open 2 -1; close 3 57; stat 4 -1; fstat 5 80; lstat 6 -1; poll 7 -1; lseek 8 62; mmap 9 222
mprotect 10 226; munmap 11 215; brk 12 214; rt_sigaction 13 134; rt_sigprocmask 14 135; rt_sigreturn 15 139
pread64 17 67; pwrite64 18 68; readv 19 65; writev 20 66; access 21 -1; pipe 22 -1; select 23 -1; sched_yield 24 124
mremap 25 216; mincore 27 232; madvise 28 233; dup 32 23; dup2 33 -1; pause 34 -1; nanosleep 35 101
getitimer 36 102; alarm 37 -1; setitimer 38 103; getpid 39 172; sendfile 40 71; recvfrom 45 207; shutdown 48 210
getsockname 51 204; getpeername 52 205; setsockopt 54 208; getsockopt 55 209; exit 60 93; wait4 61 260; uname 63 160
flock 73 32; fsync 74 82; fdatasync 75 83; ftruncate 77 46; getdents 78 -1; getcwd 79 17; chdir 80 49; fchdir 81 50
rename 82 -1; mkdir 83 -1; rmdir 84 -1; creat 85 -1; link 86 -1; unlink 87 -1; symlink 88 -1; readlink 89 -1
umask 95 166; gettimeofday 96 169; getrlimit 97 163; getrusage 98 165; sysinfo 99 179; times 100 153; getuid 102 174
getgid 104 176; geteuid 107 175; getegid 108 177; getppid 110 173; getpgrp 111 -1; getgroups 115 158; getresuid 118 148
getresgid 120 150; getpgid 121 155; getsid 124 156; rt_sigpending 127 136; rt_sigtimedwait 128 137
rt_sigsuspend 130 133; sigaltstack 131 132; statfs 137 43; fstatfs 138 44; getpriority 140 141; time 201 -1
gettid 186 178; futex 202 98; sched_getaffinity 204 123; epoll_create 213 -1; getdents64 217 61
set_tid_address 218 96; restart_syscall 219 128; clock_gettime 228 113; clock_getres 229 114
clock_nanosleep 230 115; exit_group 231 94; epoll_wait 232 -1; epoll_ctl 233 21; openat 257 56; mkdirat 258 34
newfstatat 262 79; unlinkat 263 35; renameat 264 38; linkat 265 37; symlinkat 266 36; readlinkat 267 78
faccessat 269 48; pselect6 270 72; ppoll 271 73; set_robust_list 273 99; get_robust_list 274 100; epoll_pwait 281 22
eventfd 284 -1; fallocate 285 47; eventfd2 290 19; epoll_create1 291 20; dup3 292 24; pipe2 293 59; preadv 295 69
pwritev 296 70; getcpu 309 168; renameat2 316 276; getrandom 318 278; membarrier 324 283; copy_file_range 326 285
statx 332 291; rseq 334 293; close_range 436 436; faccessat2 439 439; epoll_pwait2 441 441
"""

ENOSYS, EPERM = 38, 1
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
PID_PLACEHOLDER = 0xFFFFFFFF  # stands for the own pid until it is patched in
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06


Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


@dataclass(frozen=True)
class SyscallRule:
    """Allowed only if each (argument, mask, values) holds: the argument's low 32 bits under mask are among values."""

    name: str
    call_numbers: tuple[int, int]  # x86_64, aarch64
    argument_tests: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    refusal: int = ERRNO | EPERM
    null_argument: int = -1  # this argument, a pointer, must be null in all 64 bits


ALL_BITS = 0xFFFFFFFF
SYSCALL_RULES = (
    SyscallRule(
        "clone", (56, 220), ((0, 0x10000, (0x10000,)),)
    ),  # CLONE_THREAD: threads, never processes
    SyscallRule(
        "clone3", (435, 435), ((0, 0, (1,)),), ERRNO | ENOSYS
    ),  # its flags lie in memory; libc falls back to clone
    SyscallRule("openat2", (437, 437), ((0, 0, (1,)),), ERRNO | ENOSYS),
    SyscallRule("kill", (62, 129), ((0, ALL_BITS, (PID_PLACEHOLDER,)),)),
    SyscallRule("tgkill", (234, 131), ((0, ALL_BITS, (PID_PLACEHOLDER,)),)),
    SyscallRule("prlimit64", (302, 261), null_argument=2),  # read, not change
    SyscallRule(
        "ioctl", (16, 29), ((1, ALL_BITS, (0x5401, 0x5451, 0x5421, 0x541B)),)
    ),  # TCGETS, FIOCLEX, FIONBIO, FIONREAD
    # dup, get and set flags, locks; not F_SETOWN or F_SETSIG, which aim signals at others
    SyscallRule("fcntl", (72, 25), ((1, ALL_BITS, (0, 1, 2, 3, 4, 5, 6, 7, 1030)),)),
    SyscallRule(
        "socketpair", (53, 199), ((0, ALL_BITS, (1,)), (1, 0xF, (1,)))
    ),  # AF_UNIX, SOCK_STREAM: asyncio needs one
    SyscallRule("sendto", (44, 206), null_argument=4),  # only on what is connected
    SyscallRule("prctl", (157, 167), ((0, ALL_BITS, (15, 16)),)),  # a thread's name
)


@dataclass(frozen=True)
class SyscallTable:
    """One architecture: its audit number, its plain calls, its conditional ones."""

    audit_arch: int
    allowed_calls: tuple[int, ...]
    column: int


def _parse_allowed_calls(column: int) -> tuple[int, ...]:
    rows = [
        fields.split() for fields in ALLOWED_CALLS.replace("\n", ";").split(";") if fields.strip()
    ]
    return tuple(int(fields[1 + column]) for fields in rows if fields[1 + column] != "-1")


TABLES = {
    "x86_64": SyscallTable(0xC000003E, _parse_allowed_calls(0), 0),
    "aarch64": SyscallTable(0xC00000B7, _parse_allowed_calls(1), 1),
}


def build_filter(table: SyscallTable) -> tuple[bytes, list[int]]:
    """The filter's instructions, 8 bytes each, and the byte offsets at which the own pid has to be written."""
    code: list[Instruction] = [
        (LOAD, 0, 0, 4),  # seccomp_data.arch
        (EQUAL, 1, 0, table.audit_arch),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # seccomp_data.nr
        (AT_LEAST, 0, 1, 0x40000000),  # x32
        (RETURN, 0, 0, KILL),
    ]
    actions: dict[int, list[Instruction]] = dict.fromkeys(
        table.allowed_calls, [(RETURN, 0, 0, ALLOW)]
    )
    actions |= {rule.call_numbers[table.column]: _build_rule(rule) for rule in SYSCALL_RULES}
    code += _build_search_tree(_group_ranges(actions))
    pid_offsets = [
        8 * i + 4
        for i, instruction in enumerate(code)
        if instruction[0] == EQUAL and instruction[3] == PID_PLACEHOLDER
    ]
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in code), pid_offsets


def _group_ranges(actions: Mapping[int, list[Instruction]]) -> list[tuple[int, list[Instruction]]]:
    """(first number, what to do from there on), in order; numbers without an answer are refused."""
    refuse: list[Instruction] = [(RETURN, 0, 0, ERRNO | EPERM)]
    ranges = [(0, actions.get(0, refuse))]
    for call_number in range(1, max(actions) + 2):
        action = actions.get(call_number, refuse)
        if action != ranges[-1][1]:
            ranges.append((call_number, action))
    return ranges


def _build_search_tree(ranges: Sequence[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """A binary search. The kernel walks the filter once for each number when it is loaded, a list took 0.7 ms."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _build_search_tree(ranges[:middle]), _build_search_tree(ranges[middle:])
    return [(AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]


def _build_rule(rule: SyscallRule) -> list[Instruction]:
    """Instructions after the call's number matched; they always return."""
    refuse = (RETURN, 0, 0, rule.refusal)
    code: list[Instruction] = []
    for argument, mask, values in rule.argument_tests:
        code += [(LOAD, 0, 0, 16 + 8 * argument), (AND, 0, 0, mask)]
        code += [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
        code.append(refuse)
    if rule.null_argument >= 0:
        for offset in (0, 4):
            code += [(LOAD, 0, 0, 16 + 8 * rule.null_argument + offset), (EQUAL, 1, 0, 0), refuse]
    return [*code, (RETURN, 0, 0, ALLOW)]
