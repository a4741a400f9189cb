"""Level A's walls: a process that sees no other process, no network and only the files that the interpreter needs.

In: paths to keep. Out: the calling process goes on as process 1 of its own namespaces, in a root of
its own with an empty 16 MiB /tmp; OSError where the kernel refuses. No dependency but ctypes.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from hornbook.sandbox.confinement import LIBC, check_call

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


def enter_namespaces(visible_paths: Iterable[str], scratch_owner: int) -> bool:
    """Move into namespaces with `paths` read-only and SCRATCH owned by `owner`; return in a child, as process 1.

    The calling process waits for that child and ends with it. True if a user namespace was needed:
    then there is no other user to become, and SCRATCH is the caller's.
    """
    uid, gid = os.getuid(), os.getgid()
    namespace_flags = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET
    needs_user_namespace = uid != 0 or LIBC.unshare(namespace_flags) != 0
    if needs_user_namespace:
        check_call(LIBC.unshare(namespace_flags | NEWUSER), "unshare")
        for name, text in (
            ("setgroups", "deny"),
            ("uid_map", f"{uid} {uid} 1"),
            ("gid_map", f"{gid} {gid} 1"),
        ):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _build_root(visible_paths, uid if needs_user_namespace else scratch_owner)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 127)
    return needs_user_namespace


def _call_mount(
    source: str | None, target: str, file_system: str | None, flags: int, data: str | None = None
) -> None:
    encoded = [
        text.encode() if text is not None else None for text in (source, target, file_system, data)
    ]
    check_call(
        LIBC.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]),
        f"mount {target}",
    )


def _build_root(visible_paths: Iterable[str], scratch_owner: int) -> None:
    _call_mount(None, "/", None, REC | PRIVATE)
    _call_mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    os.chdir("/tmp")
    os.mkdir("old")
    check_call(LIBC.syscall(PIVOT_ROOT[os.uname().machine], b".", b"old"), "pivot_root")
    os.chdir("/")
    for name in ("lib", "lib64", "lib32"):
        if os.path.islink(f"/old/{name}"):
            os.symlink(os.readlink(f"/old/{name}"), f"/{name}")
    os.makedirs(SCRATCH, exist_ok=True)
    _call_mount(
        "tmpfs",
        SCRATCH,
        "tmpfs",
        NOSUID | NODEV | NOEXEC,
        f"size={SCRATCH_BYTES},nr_inodes=4096,mode=700",
    )
    os.chown(SCRATCH, scratch_owner, -1)
    for path in visible_paths:
        _bind_read_only(os.path.realpath(path))
    check_call(LIBC.umount2(b"/old", DETACH), "umount")
    os.rmdir("/old")
    _call_mount(None, "/", None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)
    os.chdir(SCRATCH)


def _bind_read_only(path: str) -> None:
    """Bind one file or folder of the old root, read-only."""
    source = f"/old{path}"
    if not os.path.exists(source):
        return
    os.makedirs(path if os.path.isdir(source) else os.path.dirname(path), exist_ok=True)
    if not os.path.isdir(source):
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    _call_mount(source, path, None, BIND)
    locked_flags = os.statvfs(path).f_flag & (
        NOSUID | NOEXEC
    )  # what a user namespace may not take away
    nodev_flag = 0 if path.startswith("/dev/") else NODEV
    _call_mount(None, path, None, REMOUNT | BIND | RDONLY | NOSUID | nodev_flag | locked_flags)
