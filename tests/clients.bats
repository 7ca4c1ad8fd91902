#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs of others, as the Python package index has them, remoted: contrib/deps --clients gets them.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_DEVICES=2 VGPU_SOFT_UNITS=2
    CLIENTS=$TOP_SRCDIR/.deps-clients
    # Where they look for NVRTC and NVVM.
    export TRITON_CACHE_DIR=$BATS_FILE_TMPDIR/triton CUPY_CACHE_DIR=$BATS_FILE_TMPDIR/cupy PYCUDA_CACHE_DIR=$BATS_FILE_TMPDIR/pycuda
    mkdir "$PYCUDA_CACHE_DIR"
    unset CC # Triton takes it for the name of a program, which "ccache gcc" is not
    export CLIENTS CUDA_HOME=$CUDA_HOME_DIR CUDA_PATH=$CUDA_HOME_DIR
}

setup() {
    [ -e "$CLIENTS/have" ] || skip "no Python packages: contrib/deps --clients gets them"
    cd "$BATS_TEST_TMPDIR"
}

teardown() { nothing_left; }

# client CHANNEL SCRIPT [OPTIONS...]: its last word is "ok". $HOW comes before the command.
client() {
    local channel=$1 script=$2
    shift 2
    run --separate-stderr ${HOW:-env} timeout $((300 * SLOWER)) vgpu-run --channel "$channel" "$@" "$CLIENTS/bin/python" "$TOP_SRCDIR/tests/clients/$script.py"
    [ "$status" = 0 ] && [ "${lines[-1]}" = ok ] || { echo "$script over $channel: status $status: $output $stderr"; return 1; }
}

@test "pynvml's questions" { client shm nvml --gpus 2 --mem 512M; }
@test "pynvml's questions over tcp, of slices with a share" { client tcp nvml --gpus 2 --mem 512M --cores 50; }

@test "pynvml tells which slice of a device is busy" {
    need_program jacobi-shared
    PROGRAM=$PROGRAMS/jacobi-shared VGPU_SOFT_DEVICES=1 client shm utilisation --gpus 2 --mem 512M --cores 40
}

# A library of the vendor's kind, whose one device draws 70 W and has two modes of ECC.
@test "what the GPU node's NVML reads is handed through" {
    mkdir vendor
    # shellcheck disable=SC2086
    $CXX -shared -fPIC -o vendor/libnvidia-ml.so.1 -x c - <<'END'
int nvmlInit_v2(void) { return 0; }
int nvmlSystemGetDriverVersion(char *text, unsigned n) { return n < 10 ? 7 : (__builtin_strcpy(text, "580.65.06"), 0); }
int nvmlDeviceGetHandleByPciBusId_v2(const char *bus, void **device) { return *device = (void *)bus, 0; }
int nvmlDeviceGetPowerUsage(void *device, unsigned *value) { return *value = 70000, 0; }
int nvmlDeviceGetTemperature(void *device, int sensor, unsigned *value) { return *value = 41 + sensor, 0; }
int nvmlDeviceGetClockInfo(void *device, int kind, unsigned *value) { return *value = 1000 + kind, 0; }
int nvmlDeviceGetEccMode(void *device, unsigned *now, unsigned *then) { return *now = 1, *then = 0, 0; }
int nvmlDeviceGetTotalEnergyConsumption(void *device, unsigned long long *value) { return *value = 1ull << 40, 0; }
int nvmlDeviceGetUtilizationRates(void *device, unsigned *rates) { return rates[0] = 30, rates[1] = 20, 0; }
int nvmlDeviceGetFanSpeed(void *device, unsigned *value) { return 3; }
END
    LD_LIBRARY_PATH=$PWD/vendor client shm readings --driver "$NULL_LIBDIR/libcuda-null.so.1"
}

# least SCRIPT [OPTIONS...]: over rings and buffers of the least size.
least() {
    need_root
    need unshare ip
    local channel
    for channel in shm tcp; do HOW=with_least_rings client "$channel" "$@"; done
}

@test "cuda-python, Numba, Triton and pynvml over rings and buffers of the least size" {
    least bindings
    least numba-kernels
    least triton-launcher
    least nvml --gpus 2 --mem 512M
}

@test "cuda-python's driver bindings" { client shm bindings; }
@test "cuda-python's driver bindings over tcp" { client tcp bindings; }
@test "Numba's kernels" { client shm numba-kernels; }
@test "Triton's launcher and kernels" { client shm triton-launcher; }
@test "Triton's launcher and kernels over tcp" { client tcp triton-launcher; }

# It runs nvcc, whose cicc does not bear a sanitizer's runtime.
# bats test_tags=plain
@test "PyCUDA's kernels, copies and arrays" { client shm pycuda-driver; }
# bats test_tags=plain
@test "PyCUDA's kernels, copies and arrays over tcp" { client tcp pycuda-driver; }

# bats test_tags=plain
@test "PyCUDA's kernels, copies and arrays over rings and buffers of the least size" { least pycuda-driver; }

# It is known by who asks for the driver's functions, which a sanitizer's runtime stands before.
# bats test_tags=plain
@test "CuPy is told that it carries NVIDIA's static runtime" {
    client shm cupy-runtime
    contains "$stderr" "cupy_backends"
    [ "$(grep -c "runs over NVIDIA's own driver only" <<<"$stderr")" = 1 ] || { echo "$stderr"; return 1; }
}

@test "without a lease NVML says so, and what to do" {
    run env -u VGPU_LEASE "${PRELOADED[@]}" LD_LIBRARY_PATH="$STAGE/lib" "$CLIENTS/bin/python" -c 'import pynvml; pynvml.nvmlInit()'
    [ "$status" = 1 ]
    contains "$output" "no vgpu lease: run under sbatch --gres=vgpu:N or vgpu-run"
    contains "$output" "Driver Not Loaded"
}

# As nvidia-smi begins; it cannot be had from the package index.
@test "who asks for NVML's private tables, as nvidia-smi does, is told of vgpu-smi" {
    run -0 --separate-stderr vgpu-run "$CLIENTS/bin/python" -c '
import ctypes
nvml = ctypes.CDLL("libnvidia-ml.so.1")
print(nvml.nvmlInitWithFlags(0), [nvml.nvmlInternalGetExportTable(None, None) for _ in range(2)])'
    [ "$output" = "0 [3, 3]" ] || { echo "$output $stderr"; return 1; }
    once "$stderr" "use vgpu-smi"
}

@test "no name of nvml.h is missing" {
    local header
    header=$(echo "$CLIENTS"/lib/python3*/site-packages/nvidia/cu13/include/nvml.h)
    run "$PYTHON" "$TOP_SRCDIR/remoting/nvml/generate.py" missing "$TOP_SRCDIR/remoting/nvml/nvml.api" "$header"
    [ "$status" = 0 ] && [ -z "$output" ] || { echo "$output"; return 1; }
}
