// SPDX-License-Identifier: Apache-2.0
// A process that has CUDA forks: its child cannot use what it inherited, is told so, and may come
// to any end; it may start another program, which can. The parent goes on as if nothing had been.
#include "in-child.h"

#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

const char *const program = "fork-after";

constexpr int kCount = 8 << 20; // large enough for ways of its own

__managed__ int shared_with_host = 1;

__global__ void add(int *data, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    data[i] += n;
    if (i == 0)
        shared_with_host += n;
}

static int *data, *pinned;
static cudaStream_t stream;
static cudaEvent_t event;
static std::vector<int> host(kCount, 5);
static int expected = 5;

static void go_on()
{
    add<<<kCount / 256, 256, 0, stream>>>(data, 2);
    expected += 2;
    CUDA(cudaMemcpyAsync(host.data(), data, kCount * sizeof(int), cudaMemcpyDeviceToHost, stream));
    CUDA(cudaEventRecord(event, stream));
    CUDA(cudaStreamSynchronize(stream));
    CUDA(cudaEventQuery(event));
    for (int value : host)
        EXPECT(value == expected);
    EXPECT(shared_with_host == expected - 4);
    CUDA(cudaMemcpy(data, host.data(), kCount * sizeof(int), cudaMemcpyHostToDevice));
}

#define REFUSED(call)                                                                              \
    do {                                                                                           \
        cudaError_t code_ = (call);                                                                \
        if (code_ != cudaErrorInitializationError)                                                 \
            fail("in a child, %s: %s", #call, cudaGetErrorName(code_));                            \
    } while (0)

static void use_what_is_inherited()
{
    void *pointer;
    int value;
    REFUSED(cudaMalloc(&pointer, 1024));
    REFUSED(cudaMallocHost(&pointer, 1024));
    REFUSED(cudaFree(data));
    REFUSED(cudaMemcpy(&value, data, sizeof value, cudaMemcpyDeviceToHost));
    REFUSED(cudaMemcpyAsync(data, pinned, sizeof value, cudaMemcpyHostToDevice, stream));
    REFUSED(cudaStreamSynchronize(stream));
    REFUSED(cudaEventQuery(event));
    REFUSED(cudaStreamCreate(&stream));
    REFUSED(cudaDeviceSynchronize());
    add<<<1, 1>>>(data, 1);
    REFUSED(cudaGetLastError());
}

// What a child does before and at its end must not be seen by the parent's session.
static void child(void (*end)(), int status)
{
    std::fflush(stdout);
    pid_t id = fork();
    if (id == 0) {
        keep_quiet();
        use_what_is_inherited();
        end();
        _exit(9);
    }
    int seen = 0;
    EXPECT(id > 0 && waitpid(id, &seen, 0) == id);
    if (seen != status)
        fail("a child ended with status %x, not %x", unsigned(seen), unsigned(status));
    go_on();
}

int main()
{
    CUDA(cudaMalloc(&data, kCount * sizeof(int)));
    CUDA(cudaMallocHost(&pinned, 4096));
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
    CUDA(cudaMemcpy(data, host.data(), kCount * sizeof(int), cudaMemcpyHostToDevice));
    go_on();
    if (getenv("FORKED"))
        return 0;

    child([] { _exit(0); }, 0);
    child([] { std::exit(0); }, 0); // with all handlers and destructors
    child([] { raise(SIGKILL); }, SIGKILL);
    // Another program, which knows nothing of all that.
    child(
        [] {
            setenv("FORKED", "1", 1);
            execl("/proc/self/exe", program, static_cast<char *>(nullptr));
        },
        0);
    // While another thread calls.
    std::thread other([] {
        int *own;
        CUDA(cudaMalloc(&own, sizeof(int)));
        for (int i = 0; i < 300; i++)
            CUDA(cudaMemset(own, i, sizeof(int)));
        CUDA(cudaFree(own));
    });
    for (int i = 0; i < 5; i++)
        child([] { std::exit(0); }, 0);
    other.join();
    std::printf("fork-after: ok %d\n", expected);
    return 0;
}
