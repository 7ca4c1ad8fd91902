#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the network's latency is multiplied by: how often a program waits for its worker, counted by the client itself.
bats_require_minimum_version 1.5.0
load lib
load daemons

setup_file() {
    stage
    export VGPU_SOFT_UNITS=2
}

setup() {
    cd "$BATS_TEST_TMPDIR"
}

teardown() { nothing_left; }

# trips CHANNEL PROGRAM...: into $trips.
trips() {
    local channel=$1
    shift
    run --separate-stderr env VGPU_LOG_LEVEL=debug timeout $((60 * SLOWER)) vgpu-run --channel "$channel" "$@"
    [ "$status" = 0 ] || { echo "$* over $channel: status $status: $output $stderr"; return 1; }
    trips=$(sed -n 's/.* requests, \([0-9]*\) round trips.*/\1/p' <<<"$stderr")
    [ "$trips" ] || { echo "no count in: $stderr"; return 1; }
}

@test "a training step is one round trip" {
    need_program round-trips
    local channel once
    for channel in shm unix tcp; do
        trips "$channel" "$PROGRAMS/round-trips" 1
        once=$trips
        trips "$channel" "$PROGRAMS/round-trips" 21
        # Whoever is held up for 20 ms between recording and looking asks the worker: allowed for, once.
        ((trips - once == 20 || trips - once == 21)) || { echo "over $channel: 20 steps, $((trips - once)) round trips"; return 1; }
    done
}

@test "the first result is there after twelve round trips" {
    need_program vector-add-shared
    local channel
    for channel in shm tcp; do
        trips "$channel" "$PROGRAMS/vector-add-shared"
        ((trips <= 12)) || { echo "over $channel: $trips"; return 1; }
    done
}

# library_program: `KIND STEPS` makes 100 calls of a CUDA library, then one synchronisation, in each step. `KIND done` and `KIND posted` make
# one behind a host function, which is done when the call returns; or not, since it waits for that. Declared by the libraries' ABI.
library_program() {
    cat >program.cc <<'END'
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
extern "C" {
int cuInit(unsigned), cuDevicePrimaryCtxRetain(void **, int), cuCtxSetCurrent(void *), cuStreamCreate(void **, unsigned);
int cuLaunchHostFunc(void *, void (*)(void *), void *), cuStreamBeginCapture_v2(void *, int), cuStreamEndCapture(void *, void **);
int cuStreamSynchronize(void *), cuMemAlloc_v2(uint64_t *, size_t), cuMemsetD8_v2(uint64_t, unsigned char, size_t);
int cublasCreate_v2(void **), cublasSetStream_v2(void *, void *);
int cublasSgemm_v2(void *, int, int, int, int, int, const float *, uint64_t, int, uint64_t, int, const float *, uint64_t, int);
int cublasLtCreate(void **), cublasLtMatmulDescCreate(void **, int, int), cublasLtMatrixLayoutCreate(void **, int, uint64_t, uint64_t, int64_t);
int cublasLtMatmul(void *, void *, const void *, uint64_t, void *, uint64_t, void *, const void *, uint64_t, void *, uint64_t, void *,
                   const void *, uint64_t, size_t, void *);
int cufftPlan1d(int *, int, int, int), cufftSetStream(int, void *), cufftExecC2C(int, uint64_t, uint64_t, int);
}
static void check(int code, int line)
{
    if (code != 0)
        std::printf("line %d: %d\n", line, code), std::exit(1);
}
#define OK(call) check(call, __LINE__)
static std::atomic<bool> done, returned;
static bool within(std::chrono::milliseconds time, std::atomic<bool> &what)
{
    for (auto end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end && !what;)
        ;
    return what;
}
int main(int, char **words)
{
    int plan;
    float one = 1, zero = 0;
    uint64_t a, b, c;
    void *context, *stream, *handle, *product, *layout;
    OK(cuInit(0));
    OK(cuDevicePrimaryCtxRetain(&context, 0));
    OK(cuCtxSetCurrent(context));
    OK(cuStreamCreate(&stream, 1));
    for (uint64_t *memory : {&a, &b, &c}) {
        OK(cuMemAlloc_v2(memory, 4096));
        OK(cuMemsetD8_v2(*memory, 0, 4096));
    }
    bool blas = !std::strcmp(words[1], "blas"), lt = !std::strcmp(words[1], "lt");
    if (blas) {
        OK(cublasCreate_v2(&handle));
        OK(cublasSetStream_v2(handle, stream));
    } else if (lt) {
        OK(cublasLtCreate(&handle));
        OK(cublasLtMatmulDescCreate(&product, 68, 0)); // in 32-bit floats, as all matrices are
        OK(cublasLtMatrixLayoutCreate(&layout, 0, 4, 4, 4));
    } else {
        OK(cufftPlan1d(&plan, 64, 0x29, 1));
        OK(cufftSetStream(plan, stream));
    }
    auto call = [&](int i) {
        if (blas)
            OK(cublasSgemm_v2(handle, 0, 0, 4, 4, 4, &one, a, 4, b, 4, &zero, c, 4));
        else if (lt)
            OK(cublasLtMatmul(handle, product, &one, a, layout, b, layout, &zero, c, layout, c, layout, nullptr, 0, 0, stream));
        else
            OK(cufftExecC2C(plan, a, b, i % 2 ? 1 : -1));
    };
    if (!std::strcmp(words[2], "done")) { // captured, nothing of it is waited for
        void *graph;
        OK(cuLaunchHostFunc(stream, [](void *) { within(std::chrono::milliseconds(50), returned), done = true; }, nullptr));
        call(0);
        OK(done ? 0 : -1);
        OK(cuStreamBeginCapture_v2(stream, 0));
        call(0);
        OK(cuStreamEndCapture(stream, &graph));
    } else if (!std::strcmp(words[2], "posted")) {
        OK(cuLaunchHostFunc(stream, [](void *) { done = within(std::chrono::seconds(20), returned); }, nullptr));
        call(0);
        returned = true;
        OK(cuStreamSynchronize(stream));
        OK(done ? 0 : -1);
    }
    for (int step = std::atoi(words[2]); step > 0; step--) {
        for (int i = 0; i < 100; i++)
            call(i);
        OK(cuStreamSynchronize(stream));
    }
}
END
    $CXX -std=c++17 program.cc -L"$PROGRAMS/stub" -lcuda -L"$TOP_BUILDDIR/remoting/libs/.libs" -lcublas -lcublasLt -lcufft -o program
}

@test "a hundred calls of a library wait for nobody" {
    local channel kind once
    [ -e "$PROGRAMS/stub/libcuda.so" ] || skip "the CUDA programs are not built"
    library_program
    for kind in blas lt fft; do
        case $kind in fft) need=libcufft ;; *) need=libcublas ;; esac
        compgen -G "$SOFT_LIBS/$need.so.*" >/dev/null || { echo "# no $need beside the software GPU" >&3 && continue; }
        for channel in shm tcp; do
            trips "$channel" ./program "$kind" 1
            once=$trips
            trips "$channel" ./program "$kind" 11
            ((trips - once == 10)) || { echo "$kind over $channel: 10 steps, $((trips - once)) round trips"; return 1; }
        done
    done
}

@test "with CUDA_LAUNCH_BLOCKING=1 a library's call is done when it returns, else it does not wait" {
    local channel kind once how
    [ -e "$PROGRAMS/stub/libcuda.so" ] || skip "the CUDA programs are not built"
    library_program
    for kind in blas lt fft; do
        case $kind in fft) need=libcufft ;; *) need=libcublas ;; esac
        compgen -G "$SOFT_LIBS/$need.so.*" >/dev/null || { echo "# no $need beside the software GPU" >&3 && continue; }
        for how in "CUDA_LAUNCH_BLOCKING=1 ./program $kind done" "CUDA_LAUNCH_BLOCKING=0 ./program $kind posted" "./program $kind posted"; do
            run straight bash -c "$how"
            [ "$status" = 0 ] || { echo "straight: $how: $output"; return 1; }
        done
        for channel in shm tcp; do
            CUDA_LAUNCH_BLOCKING=1 trips "$channel" ./program "$kind" done
            CUDA_LAUNCH_BLOCKING=0 trips "$channel" ./program "$kind" posted
            trips "$channel" ./program "$kind" posted
            # Each of a hundred calls has its answer, then its work's end; and the step its own.
            CUDA_LAUNCH_BLOCKING=1 trips "$channel" ./program "$kind" 1
            once=$trips
            CUDA_LAUNCH_BLOCKING=1 trips "$channel" ./program "$kind" 2
            ((trips - once == 201)) || { echo "$kind over $channel: $((trips - once)) round trips"; return 1; }
        done
    done
}
