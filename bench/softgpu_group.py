# SPDX-License-Identifier: Apache-2.0
"""Group `softgpu`: kernels on the software GPU beside the same in plain C, both on one core."""

import os

from stage import Failed, say

AIMS = [("softgpu-vector-add", "ratio", "<=", 3.5), ("softgpu-matmul", "ratio", "<=", 3.5), ("softgpu-shuffle-reduce", "ratio", "<=", 5),
        ("softgpu-divergent", "ratio", "<=", 8)]


def on_one_core(stage, take, program, rounds):
    """The library counts the cores it may use, so one core is what it gets."""
    if not stage.program(program).exists():
        raise Failed(f"bench/{program} was not built: no nvcc")
    core = str(max(os.sched_getaffinity(0)))
    take(stage.straight("soft", "taskset", "-c", core, stage.program(program), rounds))


def kernels(stage, effort, _add, take):
    """vector addition, products, sums by shuffles, divergence, histogram and stencil, on one core"""
    on_one_core(stage, take, "kernels", effort.pick(0, 3, 15))


def tensor_cores(stage, effort, _add, take):
    """a product of f16 matrices by mma instructions, on one core"""
    try:
        on_one_core(stage, take, "mma", effort.pick(0, 3, 15))
    except Failed as error:
        if "is not supported" not in str(error):
            raise
        say("left out: the software GPU has no mma instructions")


def uneven_blocks(stage, effort, _add, take):
    """blocks of which one in 64 takes 50 times as long, on all cores; the floor is the same time if all cores had ended at once"""
    if not stage.program("kernels").exists():
        raise Failed("bench/kernels was not built: no nvcc")
    steps, rounds = effort.pick((100, 1), (2000, 5), (2000, 15))
    take(stage.straight("soft", stage.program("kernels"), "uneven", steps, rounds))


PARTS = [kernels, tensor_cores, uneven_blocks]
