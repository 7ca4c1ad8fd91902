#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The null driver: it has every entry point, and what reaches it is the same straight and remoted.
bats_require_minimum_version 1.5.0
load ../tests/lib
load ../tests/daemons

setup_file() {
    stage
    mkdir -p "$STAGE/lib/null"
    ln -sf "$NULL_LIBDIR/libcuda-null.so.1" "$STAGE/lib/null/"
    ln -sf libcuda-null.so.1 "$STAGE/lib/null/libcuda.so.1"
}

setup() {
    cd "$BATS_TEST_TMPDIR"
    driver=$VGPU_LIBDIR/null/libcuda-null.so.1
    sequence=$TOP_SRCDIR/nulldriver/sequence.py
}

teardown() { nothing_left; }

exports() { nm -D --defined-only "$1" | awk '{print $3}' | sort; }

# build: a program that does some of everything, and nothing that depends on a result.
build() {
    cat >program.cc <<'END'
#include <cuda.h>
#include <cstdio>
#include <vector>
#define CHECK(call) if (CUresult e = (call)) { std::printf("%s: %d\n", #call, int(e)); return 1; }
const char *ptx = ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry k(.param .u64 a, .param .u32 n, .param .align 16 .b8 s[48]) { ret; }\n";
int main()
{
    CUdevice device; CUcontext context; CUmodule module; CUfunction k; CUstream stream; CUevent event; CUdeviceptr a, b;
    CHECK(cuInit(0));
    CHECK(cuDeviceGet(&device, 0));
    CHECK(cuDevicePrimaryCtxRetain(&context, device));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuModuleLoadData(&module, ptx));
    CHECK(cuModuleGetFunction(&k, module, "k"));
    CHECK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CHECK(cuEventCreate(&event, 0));
    CHECK(cuMemAlloc(&a, 3 << 20));
    CHECK(cuMemAlloc(&b, 4096));
    std::vector<unsigned> host(3 << 18);
    for (unsigned i = 0; i < host.size(); i++)
        host[i] = i * 2654435761u;
    CHECK(cuMemcpyHtoD(a, host.data(), host.size() * 4));
    CHECK(cuMemsetD32(b, 7, 1024));
    for (unsigned i = 0; i < 50; i++) {
        unsigned char s[48] = {};
        s[i % 48] = static_cast<unsigned char>(i);
        CUdeviceptr p = i % 2 ? a : b;
        void *arguments[] = {&p, &i, s};
        CHECK(cuLaunchKernel(k, i + 1, 2, 1, 32, 4, 1, 256 * (i % 3), i % 4 ? stream : nullptr, arguments, nullptr));
        if (i % 10 == 0) {
            CHECK(cuEventRecord(event, stream));
            CHECK(cuMemcpyHtoDAsync(b, host.data() + i, 4000, stream));
            CHECK(cuMemsetD8Async(a, static_cast<unsigned char>(i), 100, stream));
        }
    }
    CHECK(cuStreamSynchronize(stream));
    CHECK(cuEventSynchronize(event));
    CHECK(cuMemcpyDtoH(host.data(), a, 1 << 20));
    CHECK(cuMemFree(a));
    CHECK(cuCtxSynchronize());
    std::printf("done\n");
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc "$CLIENT_LIBDIR/libcuda.so.1" -o program
}

# bats test_tags=plain
@test "every function of the header is an entry point" {
    sed -nE 's/^.*\bCUresult +(cu[A-Z][A-Za-z0-9_]*) *\(.*/\1/p' "$TOP_BUILDDIR/remoting/api/cuda-h.txt" | sort -u >wanted
    [ "$(wc -l <wanted)" -gt 400 ]
    exports "$driver" >there
    run comm -23 wanted there
    [ -z "$output" ] || { echo "missing: $output"; false; }
    run bash -c "grep -v '^cu' there"
    [ -z "$output" ] || { echo "exported too: $output"; false; }
}

# bats test_tags=plain
@test "handles are unique, answers are sane, and input stays as it was" {
    cat >program.cc <<'END'
#include <cuda.h>
#include <cstdio>
#include <set>
#if CUDA_VERSION >= 13000
#define UPDATE_MORE nullptr,
#else
#define UPDATE_MORE
#endif
int main()
{
    std::set<void *> seen;
    CUcontext context; CUgraph graph; CUgraphExec exec; CUdevice device = 7;
    cuInit(0);
    cuDevicePrimaryCtxRetain(&context, 0);
    cuCtxSetCurrent(context);
    seen.insert(context);
    for (int i = 0; i < 100; i++) {
        CUstream stream = nullptr; CUevent event = nullptr; CUdeviceptr memory = 0;
        cuStreamCreate(&stream, 0);
        cuEventCreate(&event, 0);
        cuMemAlloc(&memory, 1000);
        seen.insert(stream);
        seen.insert(event);
        seen.insert(reinterpret_cast<void *>(memory));
    }
    cuGraphCreate(&graph, 0);
    cuGraphInstantiate(&exec, graph, 0);
    seen.insert(graph);
    seen.insert(exec);
    cuDeviceGetByPCIBusId(&device, "0000:00:00.0");
    int grid = 0, block = 0, blocks = 0;
    cuOccupancyMaxPotentialBlockSize(&grid, &block, nullptr, nullptr, 0, 0);
    cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, nullptr, 256, 0);
    CUgraphNode node = reinterpret_cast<CUgraphNode>(77);
    cuStreamUpdateCaptureDependencies(nullptr, &node, UPDATE_MORE 1, 0);
    std::printf("%zu %d %d %d %d %d %d\n", seen.size(), seen.count(nullptr) != 0, int(device), grid > 0, block, blocks,
                node == reinterpret_cast<CUgraphNode>(77));
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc "$driver" -o program
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" ./program
    [ "$output" = "303 0 0 1 1024 8 1" ] || { echo "$output"; false; }
}

@test "the work that reaches the driver is the same straight and remoted" {
    build
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" VGPU_NULL_RECORD="$PWD/straight" ./program
    [ "$output" = done ] || { echo "$output"; false; }
    "$PYTHON" "$sequence" straight >straight.work
    grep -qx 'copy p0 3145728 [0-9a-f]*' straight.work
    grep -q '^launch s0 \[p1\]0000000000000000' straight.work || grep -q '^launch 0 \[p1\]' straight.work
    [ "$(grep -c ^launch straight.work)" = 50 ]
    for channel in shm unix tcp; do
        rm -f remoted
        VGPU_NULL_RECORD=$PWD/remoted run --separate-stderr vgpu-run --driver "$driver" --channel "$channel" ./program
        [ "$output" = done ] || { echo "$channel: $output $stderr"; false; }
        "$PYTHON" "$sequence" remoted >remoted.work
        diff straight.work remoted.work
    done
}

@test "kernels and variables of machine code are found, with their parameters" {
    [ -n "$NVCC" ] || skip "no nvcc"
    cat >kernels.cu <<'END'
struct S { double a; int b; char c; };
__device__ float values[33];
__global__ void k(int a, float *p, S s, char c) { if (a) p[c] = s.a + values[s.b]; }
END
    $NVCC -std=c++17 -fatbin -gencode arch=compute_75,code=sm_75 -gencode arch=compute_80,code=sm_80 kernels.cu -o kernels.fatbin 2>log ||
        skip "nvcc makes no machine code: $(head -1 log)"
    $NVCC -std=c++17 -cubin -arch=sm_80 kernels.cu -o kernels.cubin
    cat >program.cc <<'END'
#include <cuda.h>
#include <cstdio>
int main(int, char **files)
{
    CUcontext context;
    cuInit(0);
    cuDevicePrimaryCtxRetain(&context, 0);
    cuCtxSetCurrent(context);
    while (*++files) {
        CUmodule module; CUfunction k; CUdeviceptr values; size_t bytes, offset, size;
        std::printf("%d ", cuModuleLoad(&module, *files));
        std::printf("%d ", cuModuleGetFunction(&k, module, "_Z1kiPf1Sc"));
        for (unsigned i = 0; cuFuncGetParamInfo(k, i, &offset, &size) == 0; i++)
            std::printf("%zu+%zu ", offset, size);
        std::printf("%d ", cuModuleGetGlobal(&values, &bytes, module, "values"));
        std::printf("%d\n", bytes >= 132);
        int a = 1; void *p = nullptr; double s[2] = {}; char c = 1; void *all[] = {&a, &p, s, &c};
        std::printf("%d\n", cuLaunchKernel(k, 1, 1, 1, 32, 1, 1, 0, nullptr, all, nullptr));
    }
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc "$CLIENT_LIBDIR/libcuda.so.1" -o program
    wanted=$(for i in 1 2; do echo "0 0 0+4 8+8 16+16 32+1 0 1"; echo 0; done)
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" ./program kernels.fatbin kernels.cubin
    [ "$output" = "$wanted" ] || { echo "$output"; false; }
    run --separate-stderr vgpu-run --driver "$driver" ./program kernels.fatbin kernels.cubin
    [ "$output" = "$wanted" ] || { echo "$output $stderr"; false; }
}

@test "tensor maps and clusters reach the driver as they were given" {
    need_program cluster-calls
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" VGPU_NULL_RECORD="$PWD/straight" "$PROGRAMS/cluster-calls"
    [ "$status" = 0 ] || { echo "$output"; false; }
    said=$output
    [ "$(grep -c CUDA_SUCCESS <<<"$said")" = 8 ] || { echo "$output"; false; }
    works() { grep -E '^(cuTensorMap|cuOccupancyMax[AP]|cuLaunchKernel)' "$1" | sed 's/hStream=[^ ]*//; s/parameters=.*//; s/address=[^ ]*//; s/map=[0-9a-f]\{16\}/map=/'; }
    works straight >straight.work
    grep -q '^cuLaunchKernel f="add" grid=8x4x3 block=64x2x1 shared=1024 .*cluster=4x2x1' straight.work
    for channel in shm tcp; do
        rm -f remoted
        VGPU_NULL_RECORD=$PWD/remoted run --separate-stderr vgpu-run --driver "$driver" --channel "$channel" "$PROGRAMS/cluster-calls"
        [ "$output" = "$said" ] || { echo "$channel: $output $stderr"; false; }
        works remoted >remoted.work
        diff straight.work remoted.work
    done
}

# arrives PROGRAM PATTERN: what a program makes of the null driver, and the lines of the record that match, are the same remoted.
arrives() {
    need_program "$1"
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" VGPU_NULL_RECORD="$PWD/straight" "$PROGRAMS/$1"
    [ "$status" = 0 ] || { echo "$output"; false; }
    said=$output
    works() { grep -E "$2" "$1" | sed 's/hStream=[^ ]*//; s/parameters=.*//'; }
    works straight "$2" >straight.work
    for channel in shm tcp; do
        rm -f remoted
        VGPU_NULL_RECORD=$PWD/remoted run --separate-stderr vgpu-run --driver "$driver" --channel "$channel" "$PROGRAMS/$1"
        [ "$output" = "$said" ] || { echo "$channel: $output $stderr"; false; }
        works remoted "$2" >remoted.work
        diff straight.work remoted.work
    done
}

@test "every attribute of a launch reaches the driver as it was given" {
    arrives launch-attributes '^cuLaunchKernel '
    grep -q ' attributes=1:256/0.75/2/1,2:1,5:2,6:1,7:event/0/1,8:-3,9:1/2,10:1' straight.work || { cat straight.work; false; }
    [ "$(grep -c '7:event/0/1,12:event/0' straight.work)" = 20 ]
    grep -q 'updatable by the device: CUDA_SUCCESS, 0xd0de00000000' <<<"$said"
}

@test "tiles of sparse arrays and decompression reach the driver as they were given" {
    arrives batch-calls '^(cuMemMapArrayAsync|cuMemBatchDecompressAsync) '
    [ "$(grep -c '^cuMemMapArrayAsync' straight.work)" = 3 ]
    [ "$(grep -c '^cuMemBatchDecompressAsync' straight.work)" = 2700 ]
    grep -q 'it is 1200' <<<"$said"
}
