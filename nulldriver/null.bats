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

# build: a program that does much of the same, and nothing that depends on a result.
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

# build_more: every other kind of work, each once or twice.
build_more() {
    cat >program.cc <<'END'
#include <cuda.h>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <vector>
#define CHECK(call) if (CUresult e = (call)) { std::printf("%s: %d\n", #call, int(e)); return 1; }
const char *ptx = ".version 7.0\n.target sm_75\n.address_size 64\n"
    ".visible .entry k(.param .u64 a, .param .u32 n) { ret; }\n";
std::atomic<int> calls{0};
void call(void *by) { calls += *static_cast<int *>(by); }
int main()
{
    CUdevice device; CUcontext context; CUmodule module; CUfunction k; CUstream one, other; CUevent event, late; CUdeviceptr a, b, c, pooled;
    size_t pitch; int by = 3; unsigned char *pinned; CUgraph graph, captured; CUgraphExec exec; CUgraphNode nodes[6];
    CHECK(cuInit(0));
    CHECK(cuDeviceGet(&device, 0));
    CHECK(cuDevicePrimaryCtxRetain(&context, device));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuModuleLoadData(&module, ptx));
    CHECK(cuModuleGetFunction(&k, module, "k"));
    CHECK(cuStreamCreate(&one, CU_STREAM_NON_BLOCKING));
    CHECK(cuStreamCreateWithPriority(&other, CU_STREAM_DEFAULT, 0));
    CHECK(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    CHECK(cuEventCreate(&late, CU_EVENT_DEFAULT));
    CHECK(cuMemAlloc(&a, 3 << 20));
    CHECK(cuMemAlloc(&b, 3 << 20));
    CHECK(cuMemAllocPitch(&c, &pitch, 1000, 100, 4));
    CHECK(cuMemAllocHost(reinterpret_cast<void **>(&pinned), 1 << 20));
    std::vector<unsigned char> host(3 << 20);
    for (size_t i = 0; i < host.size(); i++)
        host[i] = static_cast<unsigned char>(i * 7 + i / 1000);
    std::memcpy(pinned, host.data(), 1 << 20);

    // Copies of every direction and shape, behind each other in two streams.
    CHECK(cuMemcpyHtoDAsync(a, pinned, 100000, one));
    CHECK(cuEventRecord(event, one));
    CHECK(cuStreamWaitEvent(other, event, 0));
    CHECK(cuMemcpyDtoDAsync(b + 512, a + 4, 99000, other));
    CHECK(cuMemcpyDtoHAsync(pinned, b, 50000, other));
    CHECK(cuEventRecordWithFlags(late, other, 0));
    CHECK(cuStreamSynchronize(other));
    CHECK(cuEventQuery(late));
    CHECK(cuMemcpyHtoD(b, host.data(), host.size()));
    CHECK(cuMemcpyDtoD(a, b, 1 << 20));
    CHECK(cuMemcpyDtoH(host.data(), a, host.size()));
    CHECK(cuMemcpy(a + 16, b + 32, 48));
    for (int way = 0; way < 6; way++) {
        CUDA_MEMCPY2D box{};
        box.WidthInBytes = 300 + way;
        box.Height = 20;
        box.srcMemoryType = way / 2 == 0 ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        box.srcHost = host.data();
        box.srcDevice = c;
        box.srcPitch = way / 2 == 0 ? 400 : pitch;
        box.srcXInBytes = 8;
        box.srcY = 2;
        box.dstMemoryType = way / 2 == 2 ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        box.dstHost = host.data();
        box.dstDevice = a;
        box.dstPitch = way / 2 == 2 ? 400 : 512;
        box.dstY = 3;
        CHECK(way % 2 ? cuMemcpy2DAsync(&box, one) : cuMemcpy2D(&box));
    }
    CHECK(cuMemsetD2D16(c, pitch, 9, 100, 10));
    CHECK(cuMemsetD2D32Async(c + 128, pitch, 9, 10, 10, one));

    // The host's calls are in order with all of these.
    CHECK(cuLaunchHostFunc(one, call, &by));
    CHECK(cuMemAllocAsync(&pooled, 4096, one));
    CHECK(cuMemsetD8Async(pooled, 1, 4096, one));
    CHECK(cuLaunchHostFunc(one, call, &by));
    CHECK(cuMemFreeAsync(pooled, one));
    CHECK(cuStreamSynchronize(one));

    // A graph by hand, and one that is captured.
    unsigned n = 77;
    void *arguments[] = {&a, &n};
    CHECK(cuGraphCreate(&graph, 0));
    CUDA_KERNEL_NODE_PARAMS launch{};
    launch.func = k;
    launch.gridDimX = 5;
    launch.gridDimY = launch.gridDimZ = launch.blockDimY = launch.blockDimZ = 1;
    launch.blockDimX = 64;
    launch.kernelParams = arguments;
    CHECK(cuGraphAddKernelNode(&nodes[0], graph, nullptr, 0, &launch));
    CUDA_MEMSET_NODE_PARAMS fill{};
    fill.dst = b;
    fill.value = 6;
    fill.elementSize = 2;
    fill.width = 30;
    fill.height = 1;
    CHECK(cuGraphAddMemsetNode(&nodes[1], graph, nodes, 1, &fill, context));
    CUDA_MEMCPY3D box{};
    box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
    box.srcDevice = b;
    box.dstDevice = a;
    box.WidthInBytes = 60;
    box.Height = box.Depth = 1;
    CHECK(cuGraphAddMemcpyNode(&nodes[2], graph, nodes, 2, &box, context));
    CHECK(cuGraphAddEmptyNode(&nodes[3], graph, nodes + 2, 1));
    CHECK(cuGraphAddEventRecordNode(&nodes[4], graph, nodes + 3, 1, late));
    CHECK(cuGraphAddEventWaitNode(&nodes[5], graph, nodes + 4, 1, event));
    CHECK(cuGraphInstantiate(&exec, graph, 0));
    CHECK(cuGraphLaunch(exec, one));
    n = 78;
    CHECK(cuGraphExecKernelNodeSetParams(exec, nodes[0], &launch));
    CHECK(cuGraphLaunch(exec, other));
    CHECK(cuGraphExecDestroy(exec));
    CHECK(cuGraphDestroy(graph));
    CHECK(cuStreamBeginCapture(one, CU_STREAM_CAPTURE_MODE_GLOBAL));
    CHECK(cuLaunchKernel(k, 3, 1, 1, 32, 1, 1, 0, one, arguments, nullptr));
    CHECK(cuMemcpyDtoDAsync(a, b, 1234, one));
    CHECK(cuStreamEndCapture(one, &captured));

    CHECK(cuMemFreeHost(pinned));
    CHECK(cuEventDestroy(event));
    CHECK(cuStreamDestroy(other));
    CHECK(cuMemFree(b));
    CHECK(cuMemFree(a));
    CHECK(cuCtxSynchronize());
    CHECK(cuMemFree(c));
    CHECK(cuStreamDestroy(one));
    CHECK(cuModuleUnload(module));
    CHECK(cuCtxSynchronize()); // or the last of it may end with the program
    std::printf("done %d\n", calls.load());
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc "$CLIENT_LIBDIR/libcuda.so.1" -o program
}

# same_work SAID: what the program gives the driver is the same over each channel.
same_work() {
    local channel
    run "${PRELOADED[@]}" LD_LIBRARY_PATH="$VGPU_LIBDIR/null" VGPU_NULL_RECORD="$PWD/straight" ./program
    [ "$output" = "$1" ] || { echo "$output"; return 1; }
    "$PYTHON" "$sequence" straight >straight.work
    for channel in shm unix tcp; do
        rm -f remoted
        VGPU_NULL_RECORD=$PWD/remoted run --separate-stderr vgpu-run --driver "$driver" --channel "$channel" ./program
        [ "$output" = "$1" ] || { echo "$channel: $output $stderr"; return 1; }
        "$PYTHON" "$sequence" remoted >remoted.work
        diff straight.work remoted.work
    done
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
    same_work done
    grep -qx 'copy 0 p0 3145728 [0-9a-f]*' straight.work
    grep -q '^launch s0 \[p1\]0000000000000000' straight.work || grep -q '^launch 0 \[p1\]' straight.work
    [ "$(grep -c ^launch straight.work)" = 50 ]
}

@test "so are copies of every direction, events, host functions, graphs and frees" {
    build_more
    same_work "done 6"
    grep -qx 'copy s0 p0 100000 [0-9a-f]*' straight.work
    grep -qx 'node g0 n2 after n0 n1 is memcpy p0 p[0-9] 60 1 1' straight.work
    # All of them are there.
    [ "$(cut -d' ' -f1 straight.work | sort -u | paste -sd' ')" = \
        "box call capture captured change copy end fetch free instantiate launch memset move node record run wait" ]
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

# The null driver looks at little of what it is given, and would end by most of these.
@test "wrong calls of what few devices have are refused before they reach the driver" {
    need_program wrong-newer
    for channel in shm tcp; do
        VGPU_NULL_RECORD=$PWD/record run -0 --separate-stderr vgpu-run --driver "$driver" --channel "$channel" "$PROGRAMS/wrong-newer"
        # All is there, and what is no pointer or no handle is refused, but for the null stream and who asks not which
        # is wrong; enumerations are the driver's business.
        for what in 'tensor maps' clusters decompression cuMemMapArrayAsync; do contains "$output" "wrong-newer: $what: CUDA_SUCCESS"; done
        refused=$(grep -E 'is (null|a number|of another kind|a destroyed one): ' <<<"$output")
        [ "$(wc -l <<<"$refused")" -ge 40 ] || { echo "$output"; false; }
        run grep -vE ': CUDA_ERROR_INVALID_(VALUE|HANDLE)$|cuMemMapArrayAsync: argument 3 is null: |cuMemBatchDecompressAsync: argument [45] is null: ' <<<"$refused"
        [ -z "$output" ] || { echo "$channel: $output"; false; }
    done
}

@test "calls that are refused for what they are given say why, once" {
    grep -q '^#define CUDA_VERSION 1[3-9]' "$CUDA_HOME_DIR/include/cuda.h" || skip "CUDA 12 has not all of them"
    cat >program.cc <<'END'
#include <cuda.h>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#define CHECK(call) if (CUresult e = (call)) { std::printf("%s: %d\n", #call, int(e)); return 1; }
#define REFUSED(call) for (int twice = 0; twice < 2; twice++) if (CUresult e = (call); e != CUDA_ERROR_NOT_SUPPORTED) { std::printf("%s: %d\n", #call, int(e)); return 1; }
int main()
{
    CUdevice device; CUcontext context; CUarray array; CUmemoryPool pool; CUdeviceptr data; CUgraph graph;
    CHECK(cuInit(0));
    CHECK(cuDeviceGet(&device, 0));
    CHECK(cuDevicePrimaryCtxRetain(&context, device));
    CHECK(cuCtxSetCurrent(context));
    CHECK(cuMemAlloc(&data, 4096));
    CUmemPoolProps props{};
    props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    props.location.type = CU_MEM_LOCATION_TYPE_HOST;
    REFUSED(cuMemPoolCreate(&pool, &props));
    props.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    props.handleTypes = CU_MEM_HANDLE_TYPE_FABRIC;
    REFUSED(cuMemPoolCreate(&pool, &props));
    int shared = 0;
    CHECK(cuDeviceGetDefaultMemPool(&pool, device));
    REFUSED(cuMemPoolExportToShareableHandle(&shared, pool, CU_MEM_HANDLE_TYPE_FABRIC, 0));
    REFUSED(cuMemPoolImportFromShareableHandle(&pool, &shared, CU_MEM_HANDLE_TYPE_FABRIC, 0));
    CUmemGenericAllocationHandle memory = 0;
    CUmemAllocationProp prop{};
    prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    prop.location.type = CU_MEM_LOCATION_TYPE_HOST;
    REFUSED(cuMemCreate(&memory, 2 << 20, &prop, 0));
    REFUSED(cuMemImportFromShareableHandle(&memory, &shared, CU_MEM_HANDLE_TYPE_FABRIC));
    REFUSED(cuMemExportToShareableHandle(&shared, 1, CU_MEM_HANDLE_TYPE_FABRIC, 0));
    CUDA_ARRAY3D_DESCRIPTOR compressed{64, 64, 0, CU_AD_FORMAT_BC1_UNORM, 4, 0};
    CHECK(cuArray3DCreate(&array, &compressed));
    char bytes[64] = {};
    REFUSED(cuMemcpyHtoA(array, 0, bytes, sizeof bytes));
    REFUSED(cuMemcpyAtoD(data, array, 0, sizeof bytes));
    int answer;
    REFUSED(cuPointerGetAttribute(&answer, CUpointer_attribute(9999), data));
    CUgraphNode node;
    CUgraphNodeParams semaphores;
    std::memset(&semaphores, 0, sizeof semaphores);
    semaphores.type = CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT;
    CHECK(cuGraphCreate(&graph, 0));
    REFUSED(cuGraphAddNode_v2(&node, graph, nullptr, nullptr, 0, &semaphores));
    CUctxCigParam graphics{};
    CUctxCreateParams with{};
    with.cigParams = &graphics;
    REFUSED(cuCtxCreate_v4(&context, &with, 0, device));
    std::printf("done\n");
}
END
    $CXX -std=c++17 -isystem "$CUDA_HOME_DIR/include" program.cc "$CLIENT_LIBDIR/libcuda.so.1" -o program
    run -0 --separate-stderr vgpu-run --driver "$driver" ./program
    [ "$output" = done ] || { echo "$output"; false; }
    while read -r what; do
        once "$stderr" "$what"
    done <<'END'
warning: a memory pool of the host or of managed memory is not supported: it would be memory of the GPU's node
warning: cuMemPoolCreate with another handle than a file descriptor is not supported: no other is passed
warning: a memory pool shared by another handle than a file descriptor is not supported: no other is passed
warning: cuMemCreate for host memory is not supported: it would be
warning: physical memory shared by another handle than a file descriptor is not supported: no other is passed
warning: a copy in a row from or to an array of a planar or compressed format is not supported: where its rows end
warning: a pointer attribute of mappings, tokens for other drivers or newer than this libcuda.so is not supported: it is
warning: a graph node of external semaphores is not supported: they belong
warning: cuCtxCreate for graphics is not supported: the GPU's node has none
END
}

# A sanitizer has an allocator of its own.
# bats test_tags=plain
@test "launches allocate nothing, on either side" {
    local channel most
    ${CC:-gcc} -O2 -D_GNU_SOURCE -shared -fPIC "$TOP_SRCDIR/nulldriver/count-allocations.c" -o counter.so
    $CXX -std=c++20 -isystem "$CUDA_HOME_DIR/include" "$TOP_SRCDIR/nulldriver/count-launches.cc" "$CLIENT_LIBDIR/libcuda.so.1" -o program
    # Workers are started without LD_PRELOAD.
    mkdir "$STAGE/counted"
    ln -s "$VGPU_LIBEXECDIR/vgpud" "$STAGE/counted/"
    printf '#!/bin/sh\nLD_PRELOAD=%s/counter.so exec %s/vgpustepd\n' "$PWD" "$VGPU_LIBEXECDIR" >"$STAGE/counted/vgpustepd"
    chmod +x "$STAGE/counted/vgpustepd"
    # Over TCP the bytes are kept until the worker has them, so where it falls behind there is one for each 64 KiB.
    for channel in "shm 0" "unix 0" "tcp 50"; do
        read -r channel most <<<"$channel"
        rm -rf counts && mkdir counts
        ALLOCATIONS=$PWD/counts VGPU_LIBEXECDIR=$STAGE/counted \
            run -0 --separate-stderr vgpu-run --driver "$driver" --channel "$channel" env LD_PRELOAD="$PWD/counter.so" ./program
        echo "over $channel: $output $stderr"
        [ "$(ls counts | wc -l)" = 2 ] # it was counted on both sides
        [ "$(sed -n 's/^launching thread: //p' <<<"$output")" -le "$most" ]
        # The synchronisation behind them has an answer.
        [ "$(sed -n 's/^vgpustepd, thread .*: //p' <<<"$output" | awk '{ n += $1 } END { print n + 0 }')" -le 20 ]
    done
}
