#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How else CUDA code may be compiled and linked than tests/cuda does it: each runs straight and remoted.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_UNITS=2
}

setup() {
    need_program vector-add-shared
    cd "$BATS_TEST_TMPDIR"
    nvcc=("$NVCC" -std=c++17 -gencode arch=compute_75,code=compute_75)
    shared=(-cudart shared -L"$CUDA_HOME_DIR/lib64" -L"$CUDA_HOME_DIR/lib")
}

teardown() { nothing_left; }

# says WORDS COMMAND...: that alone, straight and over each channel.
says() {
    local said=$1 channel
    shift
    run --separate-stderr straight "$@"
    [ "$status" = 0 ] && [ "$output" = "$said" ] || { echo "$* straight: status $status: $output $stderr"; return 1; }
    for channel in shm tcp; do
        run --separate-stderr vgpu-run --channel "$channel" "$@"
        [ "$status" = 0 ] && [ "$output" = "$said" ] || { echo "$* over $channel: status $status: $output $stderr"; return 1; }
    done
}

@test "programs at fixed addresses" {
    local name
    for name in constant-memory managed mapped-memory vector-add; do
        "${nvcc[@]}" "${shared[@]}" -Xcompiler -no-pie "$PROGRAMS/$name.o" -o "$name"
        "${nvcc[@]}" -L"$TOP_BUILDDIR/remoting/cudart" -Xcompiler -no-pie "$PROGRAMS/$name.o" -o "$name-static"
        readelf -h "$name" | grep -q 'Type: *EXEC'
        says "$(expected "$name-shared")" "./$name"
        says "$(expected "$name-shared")" "./$name-static"
    done
}

# clang registers kernels and variables by itself, without a word when it is through (__cudaRegisterFatBinaryEnd) where the
# toolkit that it is told of had none. NVIDIA's headers are newer than it knows, so what it needs of them is declared here.
@test "programs that clang compiled" {
    need clang++
    local fatbinary=$CUDA_HOME_DIR/bin/fatbinary major
    [ -x "$fatbinary" ] || fatbinary=$(dirname "$NVCC")/fatbinary
    cat >program.cu <<'END'
#include <cstdio>
#define __global__ __attribute__((global))
#define __device__ __attribute__((device))
#define __constant__ __attribute__((constant))
#define __host__ __attribute__((host))
struct dim3 {
    unsigned x, y, z;
    __host__ __device__ dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};
typedef struct CUstream_st *cudaStream_t;
typedef int cudaError, cudaError_t;
extern "C" {
cudaError_t cudaLaunchKernel(const void *, dim3, dim3, void **, size_t, cudaStream_t);
unsigned __cudaPushCallConfiguration(dim3, dim3, size_t = 0, cudaStream_t = nullptr);
cudaError_t cudaMalloc(void **, size_t);
cudaError_t cudaFree(void *);
cudaError_t cudaMemcpy(void *, const void *, size_t, int);
cudaError_t cudaMemcpyToSymbol(const void *, const void *, size_t, size_t, int);
}
__device__ int offset = 5;
__constant__ int factors[3];
__global__ void work(int *x, int more) { x[__nvvm_read_ptx_sreg_tid_x()] += offset + factors[__nvvm_read_ptx_sreg_tid_x() % 3] + more; }
template<class T> __global__ void set(T *x, T value) { x[__nvvm_read_ptx_sreg_ctaid_x()] = value; }
int main()
{
    int *x, host[4], table[3] = {100, 200, 300}, failed = cudaMalloc(reinterpret_cast<void **>(&x), sizeof host);
    failed += cudaMemcpyToSymbol(factors, table, sizeof table, 0, 1);
    set<<<4, 1>>>(x, 1000);
    work<<<1, 4>>>(x, 7);
    failed += cudaMemcpy(host, x, sizeof host, 2) + cudaFree(x);
    std::printf("%d: %d %d %d %d\n", failed, host[0], host[1], host[2], host[3]);
}
END
    # 10.0 had no such word, 11.0 has it.
    for major in 10 11; do
        local clang=(clang++ -std=c++17 -x cuda --cuda-path="$CUDA_HOME_DIR" -nocudainc -nocudalib -O1 -Xclang -target-sdk-version=$major.0)
        "${clang[@]}" --cuda-device-only --cuda-gpu-arch=sm_75 -S program.cu -o program.ptx 2>clang.log || { cat clang.log; return 1; }
        "$fatbinary" -64 --create=program.fatbin --image3=kind=ptx,sm=75,file=program.ptx
        "${clang[@]}" --cuda-host-only -Xclang -fcuda-include-gpubinary -Xclang program.fatbin -c program.cu -o program.o 2>clang.log || { cat clang.log; return 1; }
        [ "$(nm -u program.o | grep -c __cudaRegisterFatBinaryEnd)" = $((major - 10)) ]
        "${nvcc[@]}" "${shared[@]}" program.o -o program
        says "0: 1112 1212 1312 1112" ./program
        "${nvcc[@]}" -L"$TOP_BUILDDIR/remoting/cudart" program.o -o program
        says "0: 1112 1212 1312 1112" ./program
    done
}

@test "a Python extension module" {
    local include suffix
    include=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_paths()["include"])')
    suffix=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
    [ -e "$include/Python.h" ] || skip "no headers of Python"
    cat >kernels.cu <<'END'
#include <Python.h>
static __device__ int offset = 5;
static __global__ void square(int *x)
{
    x[threadIdx.x] = int(threadIdx.x * threadIdx.x) + offset;
}
static PyObject *run(PyObject *, PyObject *arguments)
{
    int count, *x, host[32], sum = 0;
    if (!PyArg_ParseTuple(arguments, "i", &count))
        return nullptr;
    cudaError_t error = cudaMalloc(&x, sizeof host);
    square<<<1, count>>>(x); // of 0 threads is an error
    if (error == cudaSuccess)
        error = cudaGetLastError();
    if (error == cudaSuccess)
        error = cudaMemcpy(host, x, count * sizeof *x, cudaMemcpyDefault);
    cudaFree(x);
    if (error != cudaSuccess) {
        PyErr_SetString(PyExc_RuntimeError, cudaGetErrorName(error));
        return nullptr;
    }
    for (int i = 0; i < count; i++)
        sum += host[i];
    return PyLong_FromLong(sum);
}
static PyMethodDef methods[] = {{"run", run, METH_VARARGS, nullptr}, {}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, NAME, nullptr, -1, methods};
PyMODINIT_FUNC INIT(void)
{
    return PyModule_Create(&module);
}
END
    cat >program.py <<'END'
import ours, own
print(ours.run(10), own.run(32))
try:
    ours.run(0)
except RuntimeError as error:
    print(error)
END
    # Two of them, one over the shared runtime and one with the archive in it.
    "${nvcc[@]}" -I"$include" -shared -Xcompiler -fPIC '-DNAME="ours"' -DINIT=PyInit_ours "${shared[@]}" kernels.cu -o "ours$suffix"
    "${nvcc[@]}" -I"$include" -shared -Xcompiler -fPIC '-DNAME="own"' -DINIT=PyInit_own -L"$TOP_BUILDDIR/remoting/cudart" kernels.cu -o "own$suffix"
    says $'335 10576\ncudaErrorInvalidConfiguration' "$PYTHON" program.py
}

# It is on the client and knows nothing of the GPU: what it gives is loaded as from anywhere.
@test "what nvJitLink linked" {
    compgen -G "$CUDA_HOME_DIR/lib*/libnvJitLink.so" >/dev/null && [ -e "$CUDA_HOME_DIR/include/nvJitLink.h" ] || skip "no nvJitLink"
    cat >program.cc <<'END'
#include <cuda.h>
#include <cstdio>
#include <cstdlib>
#include <nvJitLink.h>
#include <nvrtc.h>
#include <string>
#include <vector>
static void check(int code, int line)
{
    if (code != 0)
        std::printf("line %d: %d\n", line, code), std::exit(1);
}
#define OK(call) check(int(call), __LINE__)
static std::vector<char> compiled(const char *source, bool lto)
{
    nvrtcProgram unit;
    size_t size = 0;
    const char *options[] = {"--gpu-architecture=compute_75", "--relocatable-device-code=true", "-dlto"};
    OK(nvrtcCreateProgram(&unit, source, "unit.cu", 0, nullptr, nullptr));
    OK(nvrtcCompileProgram(unit, lto ? 3 : 2, options));
    OK(lto ? nvrtcGetLTOIRSize(unit, &size) : nvrtcGetPTXSize(unit, &size));
    std::vector<char> code(size);
    OK(lto ? nvrtcGetLTOIR(unit, code.data()) : nvrtcGetPTX(unit, code.data()));
    OK(nvrtcDestroyProgram(&unit));
    return code;
}
// `ptx` for PTX out of LTO IR, `cubin` for machine code out of PTX.
int main(int, char **words)
{
    bool lto = std::string(words[1]) == "ptx";
    const char *options[] = {"-arch=sm_75", "-lto", "-ptx"};
    nvJitLinkHandle link;
    OK(nvJitLinkCreate(&link, lto ? 3 : 1, options));
    for (const char *source : {"extern __device__ int twice(int); extern \"C\" __global__ void k(int *x) { x[threadIdx.x] = twice(threadIdx.x); }",
                               "__device__ int twice(int x) { return 2 * x; }"}) {
        auto code = compiled(source, lto);
        OK(nvJitLinkAddData(link, lto ? NVJITLINK_INPUT_LTOIR : NVJITLINK_INPUT_PTX, code.data(), code.size(), "unit"));
    }
    OK(nvJitLinkComplete(link));
    size_t size = 0;
    OK(lto ? nvJitLinkGetLinkedPtxSize(link, &size) : nvJitLinkGetLinkedCubinSize(link, &size));
    std::vector<char> image(size + 1);
    OK(lto ? nvJitLinkGetLinkedPtx(link, image.data()) : nvJitLinkGetLinkedCubin(link, image.data()));
    OK(nvJitLinkDestroy(&link));
    CUcontext context;
    CUmodule module;
    CUfunction k;
    CUdeviceptr x;
    int host[4] = {};
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(cuModuleLoadData(&module, image.data()));
    OK(cuModuleGetFunction(&k, module, "k"));
    OK(cuMemAlloc(&x, sizeof host));
    void *parameters[] = {&x};
    OK(cuLaunchKernel(k, 1, 1, 1, 4, 1, 1, 0, nullptr, parameters, nullptr));
    OK(cuMemcpyDtoH(host, x, sizeof host));
    std::printf("%d %d %d %d\n", host[0], host[1], host[2], host[3]);
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc -L"$PROGRAMS/stub" -lcuda -L"$CUDA_HOME_DIR/lib64" -L"$CUDA_HOME_DIR/lib" \
        -Wl,--enable-new-dtags,-rpath,"$CUDA_HOME_DIR/lib64:$CUDA_HOME_DIR/lib" -lnvJitLink -lnvrtc -o program
    says "0 2 4 6" ./program ptx
    # The software GPU takes no machine code.
    VGPU_NULL_RECORD=$PWD/record run --separate-stderr vgpu-run --driver "$NULL_LIBDIR/libcuda-null.so.1" ./program cubin
    [ "$status" = 0 ] || { echo "$output $stderr"; return 1; }
    grep -q '^cuLaunchKernel f="k" .* parameters=[0-9a-f]\{16\}$' record
}
