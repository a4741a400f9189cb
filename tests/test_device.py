"""Settings of the libraries: memory is kept inside the context and released, threads sleep."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys

import pytest

from hornbook.models.device import ENVIRONMENT, pick_device
from hornbook.records import UserError

# In its own process: an allocator's behaviour depends on everything allocated before.
PAGES = """
import ctypes, json, resource
from hornbook.models.device import keep_freed_memory
libc, block = ctypes.CDLL(None), 48 << 20
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def pages(times):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        place = libc.malloc(block)
        libc.memset(place, 1, block)
        libc.free(place)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

usual = pages(4)
with keep_freed_memory("cpu"):
    first, kept = pages(1), pages(4)
with keep_freed_memory("cuda:0"):
    elsewhere = pages(4)
print(json.dumps([usual, kept, elsewhere]))
"""


def last_line_printed(code: str, **variables: str) -> str:
    environment = {
        name: value for name, value in os.environ.items() if name not in ENVIRONMENT
    } | variables
    result = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    return result.stdout.split("\n")[-2]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_memory_is_kept_within_and_given_back_after():
    usual, kept, elsewhere = json.loads(last_line_printed(PAGES))
    assert kept < usual / 10  # the system gave each page once
    assert elsewhere > usual / 2


def test_the_command_lets_threads_sleep_but_a_person_decides():
    code = (
        "import os; from hornbook.cli import main; "
        "main(['doctor', '--help'], standalone_mode=False); "
        "print(os.environ['GOMP_SPINCOUNT'])"
    )
    assert last_line_printed(code) == ENVIRONMENT["GOMP_SPINCOUNT"]
    assert last_line_printed(code, GOMP_SPINCOUNT="7") == "7"


@pytest.mark.parametrize("name", ["banana", "a100", "cuda:64"])
def test_a_device_that_is_not_here_is_refused_with_those_that_are(name):
    with pytest.raises(UserError, match=f"no device '{name}' here: cpu"):
        pick_device(name)
    assert pick_device("cpu") == "cpu"
