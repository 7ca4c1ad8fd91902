# SPDX-License-Identifier: Apache-2.0
"""Tensors of one process that another one reads and writes (torch.multiprocessing): memory and an event go over by CUDA's IPC handles.
For the software GPU, which has none of PyTorch's kernels: copies and cuBLAS alone.

usage: vgpu-run [--channel NAME] PYTHON contrib/pytorch-processes.py"""

import torch
import torch.multiprocessing as processes

N = 64


def on_device(number):
    tensor = torch.empty(N, N, device="cuda")
    tensor.copy_(torch.full((N, N), float(number)))
    return tensor


def other(given, said):
    for tensor, number in iter(given.get, None):
        said.put(float(tensor.cpu().sum()))
        tensor.copy_(torch.full((N, N), float(number)))
        torch.cuda.synchronize()
        said.put("written")
        del tensor  # before the process that it belongs to ends


def main():
    processes.set_start_method("spawn")
    given, said = processes.Queue(), processes.Queue()
    process = processes.Process(target=other, args=(given, said))
    process.start()
    for number in range(1, 6):
        tensor = on_device(number)
        torch.cuda.synchronize()
        given.put((tensor, number + 100))
        assert said.get(timeout=120) == N * N * number, "what the other process read"
        assert said.get(timeout=120) == "written"
        assert (tensor.cpu() == number + 100).all(), "what the other process wrote"
        assert torch.allclose((tensor @ tensor).cpu(), torch.full((N, N), float(N * (number + 100) ** 2))), "the product"
    given.put(None)
    process.join(60)
    assert process.exitcode == 0, process.exitcode
    print("5 tensors were read and written by another process")


if __name__ == "__main__":
    main()
