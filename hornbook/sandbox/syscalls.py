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
ALLOWED = """
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
PID = 0xFFFFFFFF  # stands for the own pid until it is patched in
LOAD, EQUAL, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06


Step = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


@dataclass(frozen=True)
class Rule:
    """Allowed only if each (argument, mask, values) holds: the argument's low 32 bits under mask are among values."""

    name: str
    numbers: tuple[int, int]  # x86_64, aarch64
    tests: tuple[tuple[int, int, tuple[int, ...]], ...] = ()
    otherwise: int = ERRNO | EPERM
    zero: int = -1  # this argument, a pointer, must be null in all 64 bits


FULL = 0xFFFFFFFF
RULES = (
    Rule("clone", (56, 220), ((0, 0x10000, (0x10000,)),)),  # CLONE_THREAD: threads, never processes
    Rule(
        "clone3", (435, 435), ((0, 0, (1,)),), ERRNO | ENOSYS
    ),  # its flags lie in memory; libc falls back to clone
    Rule("openat2", (437, 437), ((0, 0, (1,)),), ERRNO | ENOSYS),
    Rule("kill", (62, 129), ((0, FULL, (PID,)),)),
    Rule("tgkill", (234, 131), ((0, FULL, (PID,)),)),
    Rule("prlimit64", (302, 261), zero=2),  # read, not change
    Rule(
        "ioctl", (16, 29), ((1, FULL, (0x5401, 0x5451, 0x5421, 0x541B)),)
    ),  # TCGETS, FIOCLEX, FIONBIO, FIONREAD
    # dup, get and set flags, locks; not F_SETOWN or F_SETSIG, which aim signals at others
    Rule("fcntl", (72, 25), ((1, FULL, (0, 1, 2, 3, 4, 5, 6, 7, 1030)),)),
    Rule(
        "socketpair", (53, 199), ((0, FULL, (1,)), (1, 0xF, (1,)))
    ),  # AF_UNIX, SOCK_STREAM: asyncio needs one
    Rule("sendto", (44, 206), zero=4),  # only on what is connected
    Rule("prctl", (157, 167), ((0, FULL, (15, 16)),)),  # a thread's name
)


@dataclass(frozen=True)
class Table:
    """One architecture: its audit number, its plain calls, its conditional ones."""

    audit: int
    plain: tuple[int, ...]
    column: int


def _plain(column: int) -> tuple[int, ...]:
    rows = [row.split() for row in ALLOWED.replace("\n", ";").split(";") if row.strip()]
    return tuple(int(row[1 + column]) for row in rows if row[1 + column] != "-1")


TABLES = {"x86_64": Table(0xC000003E, _plain(0), 0), "aarch64": Table(0xC00000B7, _plain(1), 1)}


def program(table: Table) -> tuple[bytes, list[int]]:
    """The filter's instructions, 8 bytes each, and the byte offsets at which the own pid has to be written."""
    code: list[Step] = [
        (LOAD, 0, 0, 4),  # seccomp_data.arch
        (EQUAL, 1, 0, table.audit),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, 0),  # seccomp_data.nr
        (AT_LEAST, 0, 1, 0x40000000),  # x32
        (RETURN, 0, 0, KILL),
    ]
    answers: dict[int, list[Step]] = dict.fromkeys(table.plain, [(RETURN, 0, 0, ALLOW)])
    answers |= {rule.numbers[table.column]: _body(rule) for rule in RULES}
    code += _tree(_ranges(answers))
    at = [8 * i + 4 for i, step in enumerate(code) if step[0] == EQUAL and step[3] == PID]
    return b"".join(struct.pack("=HBBI", *step) for step in code), at


def _ranges(answers: Mapping[int, list[Step]]) -> list[tuple[int, list[Step]]]:
    """(first number, what to do from there on), in order; numbers without an answer are refused."""
    refuse: list[Step] = [(RETURN, 0, 0, ERRNO | EPERM)]
    found = [(0, answers.get(0, refuse))]
    for number in range(1, max(answers) + 2):
        answer = answers.get(number, refuse)
        if answer != found[-1][1]:
            found.append((number, answer))
    return found


def _tree(ranges: Sequence[tuple[int, list[Step]]]) -> list[Step]:
    """A binary search. The kernel walks the filter once for each number when it is loaded, a list took 0.7 ms."""
    if len(ranges) == 1:
        return ranges[0][1]
    middle = len(ranges) // 2
    below, above = _tree(ranges[:middle]), _tree(ranges[middle:])
    return [(AT_LEAST, len(below), 0, ranges[middle][0]), *below, *above]


def _body(rule: Rule) -> list[Step]:
    """Instructions after the call's number matched; they always return."""
    refuse = (RETURN, 0, 0, rule.otherwise)
    code: list[Step] = []
    for argument, mask, values in rule.tests:
        code += [(LOAD, 0, 0, 16 + 8 * argument), (AND, 0, 0, mask)]
        code += [(EQUAL, len(values) - i, 0, value) for i, value in enumerate(values)]
        code.append(refuse)
    if rule.zero >= 0:
        for half in (0, 4):
            code += [(LOAD, 0, 0, 16 + 8 * rule.zero + half), (EQUAL, 1, 0, 0), refuse]
    return [*code, (RETURN, 0, 0, ALLOW)]
