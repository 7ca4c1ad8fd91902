// SPDX-License-Identifier: Apache-2.0
// CUDA from what runs at the end of a process: handlers and static objects that are older than the
// first CUDA call and younger, and the program's destructor functions; ended by its main thread and
// by another.
#include "driver-symbol.h"

#include <sys/wait.h>
#include <thread>
#include <unistd.h>

const char *const program = "exit-handlers";

constexpr int kCount = 1 << 16;

__device__ int salt = 3;

__global__ void add(int *data, int n)
{
    data[blockIdx.x * blockDim.x + threadIdx.x] += n * salt;
}

static int *data, *spare;
static int expected;
static cudaStream_t stream;
static cudaEvent_t event;
static CUcontext context;

// Launch, copy, wait; with the stream that is the thread's own as well.
static void use(const char *when)
{
    static int host[kCount];
    CUcontext now = nullptr;
    CUresult asked = DRIVER(cuCtxGetCurrent)(&now);
    add<<<kCount / 256, 256, 0, stream>>>(data, 1);
    cudaError_t launched = cudaGetLastError();
    expected += launched == cudaSuccess ? 3 : 0;
    cudaStreamCaptureStatus status;
    cudaStreamIsCapturing(stream, &status);
    cudaError_t copied = cudaMemcpyAsync(host, data, sizeof host, cudaMemcpyDeviceToHost, stream);
    cudaError_t waited = cudaStreamSynchronize(stream);
    cudaError_t own = cudaMemsetAsync(spare, 0, 1024, cudaStreamPerThread);
    cudaError_t ended = cudaStreamSynchronize(cudaStreamPerThread);
    int right = 0;
    for (int value : host)
        right += value == expected;
    std::printf("%s: %s %s %s %s %s, %d right, %s%s\n", when, cudaGetErrorName(launched),
                cudaGetErrorName(copied), cudaGetErrorName(waited), cudaGetErrorName(own),
                cudaGetErrorName(ended), right, driver_error(asked),
                now == context ? ", the context" : "");
}

static void give_back(const char *when)
{
    cudaError_t ended = cudaStreamDestroy(stream), gone = cudaEventDestroy(event);
    cudaError_t freed = cudaFree(data);
    std::printf("%s: %s %s %s\n", when, cudaGetErrorName(ended), cudaGetErrorName(gone),
                cudaGetErrorName(freed));
}

// With its memory, as containers of device memory are.
struct Owner {
    const char *when;
    int *own = nullptr;
    ~Owner()
    {
        use(when);
        std::printf("%s: %s\n", when, cudaGetErrorName(cudaFree(own)));
    }
};

static Owner before_main{"an object of before main"};

[[gnu::destructor]] static void at_last()
{
    use("the destructor function");
    give_back("the destructor function");
    std::printf("exit-handlers: ok %d\n", expected);
    std::fflush(stdout);
}

static void live()
{
    std::atexit([] { use("a handler of before the first call"); });
    CUDA(cudaMalloc(&data, kCount * sizeof(int)));
    CUDA(cudaMalloc(&spare, 1024));
    CU(DRIVER(cuCtxGetCurrent)(&context));
    CUDA(cudaMemset(data, 0, kCount * sizeof(int)));
    CUDA(cudaStreamCreate(&stream));
    CUDA(cudaEventCreate(&event));
    CUDA(cudaMalloc(&before_main.own, 1024));
    use("main");
    static Owner local{"an object of main"};
    CUDA(cudaMalloc(&local.own, 1024));
    std::atexit([] { use("a handler of after it"); });
    static thread_local Owner of_thread{"an object of the thread"};
    CUDA(cudaMalloc(&of_thread.own, 1024));
    add<<<kCount / 256, 256, 0, stream>>>(data, 0); // under way at the end
}

int main()
{
    std::fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        std::thread([] {
            live();
            std::exit(0);
        }).join();
        _exit(1);
    }
    int status = 0;
    EXPECT(child > 0 && waitpid(child, &status, 0) == child);
    if (status != 0)
        fail("a program ended by a thread: status %x", unsigned(status));
    live();
    return 0;
}
