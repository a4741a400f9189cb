"""What a CPU's libraries are told: memory is kept while it is wanted and given back, threads sleep."""

from __future__ import annotations

import ctypes
import os
import resource
import subprocess
import sys

import pytest
import torch

from hornbook.device import THREADS, kept_memory

BLOCK = 20 << 20  # bytes; glibc gives blocks of this size back to the system at once


def faults(times: int) -> int:
    """Pages that the system had to give for as many tensors, each freed before the next."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        torch.ones(BLOCK, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="no glibc")
def test_memory_is_kept_within_and_given_back_after():
    pages = BLOCK // resource.getpagesize()
    usual = faults(4)
    assert usual > 3 * pages / 2  # a page may be larger than its nominal size, but each time it comes anew
    with kept_memory("cpu"):
        faults(10)  # glibc's small leftovers part the first few blocks; then they are used again
        assert faults(4) < usual / 10
    assert faults(4) > usual / 2


def test_the_command_lets_threads_sleep_but_a_person_decides():
    code = "import os; from hornbook.cli import main; main(['doctor', '--help'], standalone_mode=False); " + (
        "print(os.environ['GOMP_SPINCOUNT'])"
    )
    for given, wanted in ({}, THREADS["GOMP_SPINCOUNT"]), ({"GOMP_SPINCOUNT": "7"}, "7"):
        environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | given
        done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
        assert done.stdout.split()[-1] == wanted
