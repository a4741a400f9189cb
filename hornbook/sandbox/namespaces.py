"""Level A's walls: a process that sees no other process, no network and only the files that the interpreter needs.

In: paths to keep. Out: the calling process goes on as process 1 of its own namespaces, in a root of
its own with an empty 16 MiB /tmp; OSError where the kernel refuses. No dependency but ctypes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from hornbook.sandbox.confinement import LIBC, check

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (
    0x20000,
    0x4000000,
    0x8000000,
    0x10000000,
    0x20000000,
    0x40000000,
)
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SCRATCH = "/tmp"
SCRATCH_BYTES = 16 << 20


def enter(paths: Iterable[str], owner: int) -> bool:
    """Move into namespaces with `paths` read-only and SCRATCH owned by `owner`; return in a child, as process 1.

    The calling process waits for that child and ends with it. True if a user namespace was needed:
    then there is no other user to become, and SCRATCH is the caller's.
    """
    uid, gid = os.getuid(), os.getgid()
    apart = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET
    alone = uid != 0 or LIBC.unshare(apart) != 0
    if alone:
        check(LIBC.unshare(apart | NEWUSER), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _root(paths, uid if alone else owner)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 127)
    return alone


def _mount(
    source: str | None, target: str, kind: str | None, flags: int, data: str | None = None
) -> None:
    parts = [part.encode() if part is not None else None for part in (source, target, kind, data)]
    check(
        LIBC.mount(parts[0], parts[1], parts[2], ctypes.c_ulong(flags), parts[3]), f"mount {target}"
    )


def _root(paths: Iterable[str], owner: int) -> None:
    _mount(None, "/", None, REC | PRIVATE)
    _mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    os.chdir("/tmp")
    os.mkdir("old")
    check(LIBC.syscall(PIVOT_ROOT[os.uname().machine], b".", b"old"), "pivot_root")
    os.chdir("/")
    for name in ("lib", "lib64", "lib32"):
        if os.path.islink(f"/old/{name}"):
            os.symlink(os.readlink(f"/old/{name}"), f"/{name}")
    os.makedirs(SCRATCH, exist_ok=True)
    _mount(
        "tmpfs",
        SCRATCH,
        "tmpfs",
        NOSUID | NODEV | NOEXEC,
        f"size={SCRATCH_BYTES},nr_inodes=4096,mode=700",
    )
    os.chown(SCRATCH, owner, -1)
    for path in paths:
        _show(os.path.realpath(path))
    check(LIBC.umount2(b"/old", DETACH), "umount")
    os.rmdir("/old")
    _mount(None, "/", None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)
    os.chdir(SCRATCH)


def _show(path: str) -> None:
    """Bind one file or folder of the old root, read-only."""
    source = f"/old{path}"
    if not os.path.exists(source):
        return
    os.makedirs(path if os.path.isdir(source) else os.path.dirname(path), exist_ok=True)
    if not os.path.isdir(source):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    _mount(source, path, None, BIND)
    kept = os.statvfs(path).f_flag & (NOSUID | NOEXEC)  # what a user namespace may not take away
    nodev = 0 if path.startswith("/dev/") else NODEV
    _mount(None, path, None, REMOUNT | BIND | RDONLY | NOSUID | nodev | kept)
