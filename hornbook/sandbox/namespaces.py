"""Namespaces of level A: no other process, no network, only the files that the interpreter needs.

In: paths to keep. Out: the calling code goes on in process 1 of new namespaces, in a root of its
own with an empty /tmp of 16 MiB; OSError where the kernel refuses. It needs only ctypes.

Not covered: what is done with the visible files (Landlock, in confinement.py).
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from hornbook.sandbox.confinement import LIBC, check_call

# CLONE_* of linux/sched.h
NEWNS, NEWUTS, NEWIPC = 0x20000, 0x4000000, 0x8000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
# MS_* and MNT_DETACH of linux/mount.h
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
DETACH = 2
# The C library has no function for this call: its numbers, from unistd.h.
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SCRATCH = "/tmp"
SCRATCH_BYTES = 16 << 20
SCRATCH_FILES = 4096


def enter_namespaces(visible_paths: Iterable[str], scratch_owner: int) -> bool:
    """Move into new namespaces. It returns in a child process, which is process 1 there.

    The calling process waits for that child and ends with it.

    Args:
        visible_paths: files and folders to show read-only; those that do not exist are left out.
        scratch_owner: the user id that owns the scratch folder.

    Returns:
        Whether a user namespace was needed. Then there is no other user to become, and the scratch
        folder belongs to the caller.

    Raises:
        OSError: the kernel refuses.
    """
    uid, gid = os.getuid(), os.getgid()
    namespace_flags = NEWNS | NEWUTS | NEWIPC | NEWPID | NEWNET
    needs_user_namespace = uid != 0 or LIBC.unshare(namespace_flags) != 0
    if needs_user_namespace:
        check_call(LIBC.unshare(namespace_flags | NEWUSER), "unshare")
        # setgroups comes first: the kernel accepts a gid_map only without it (user_namespaces(7)).
        maps = {"setgroups": "deny", "uid_map": f"{uid} {uid} 1", "gid_map": f"{gid} {gid} 1"}
        for name, text in maps.items():
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    _build_root(visible_paths, uid if needs_user_namespace else scratch_owner)
    # A new PID namespace holds the children of the process that asked for it, not itself.
    child_pid = os.fork()
    if child_pid:
        _, status = os.waitpid(child_pid, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 127)
    return needs_user_namespace


def _call_mount(
    source: str | None, target: str, file_system: str | None, flags: int, data: str | None = None
) -> None:
    result = LIBC.mount(
        _encode_optional(source),
        target.encode(),
        _encode_optional(file_system),
        ctypes.c_ulong(flags),
        _encode_optional(data),
    )
    check_call(result, f"mount {target}")


def _encode_optional(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def _build_root(visible_paths: Iterable[str], scratch_owner: int) -> None:
    """Make a small file system, make it the root, and bind the visible paths into it."""
    # Private, so that no mount below shows outside.
    _call_mount(None, "/", None, REC | PRIVATE)
    # Over /tmp, which exists everywhere; it becomes the root.
    _call_mount("tmpfs", "/tmp", "tmpfs", NOSUID | NODEV, "size=1m,mode=755")
    os.chdir("/tmp")
    os.mkdir("old")
    check_call(LIBC.syscall(PIVOT_ROOT[os.uname().machine], b".", b"old"), "pivot_root")
    os.chdir("/")
    # Where these are links into /usr, programs name the loader by the link.
    for name in ("lib", "lib64", "lib32"):
        if os.path.islink(f"/old/{name}"):
            os.symlink(os.readlink(f"/old/{name}"), f"/{name}")
    os.makedirs(SCRATCH, exist_ok=True)
    size = f"size={SCRATCH_BYTES},nr_inodes={SCRATCH_FILES},mode=700"
    _call_mount("tmpfs", SCRATCH, "tmpfs", NOSUID | NODEV | NOEXEC, size)
    os.chown(SCRATCH, scratch_owner, -1)
    for path in visible_paths:
        _bind_read_only(os.path.realpath(path))
    # Detached, because the interpreter's own files are open below it.
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
    # A user namespace may not take these flags away, so the remount has to repeat them.
    locked_flags = os.statvfs(path).f_flag & (NOSUID | NOEXEC)
    nodev_flag = 0 if path.startswith("/dev/") else NODEV
    # A bind mount ignores RDONLY; only a remount sets it.
    _call_mount(None, path, None, REMOUNT | BIND | RDONLY | NOSUID | nodev_flag | locked_flags)
