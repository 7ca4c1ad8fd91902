# SPDX-License-Identifier: Apache-2.0
"""CuPy carries NVIDIA's static runtime: it cannot run, and must say why."""
import cupy

try:
    cupy.cuda.runtime.getDeviceCount()
except cupy.cuda.runtime.CUDARuntimeError as error:
    print("refused:", error)
else:
    raise SystemExit("it ran: so say in docs/clients.md, the README and vgpu(7)")
print("ok")
