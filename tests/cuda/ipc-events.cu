// SPDX-License-Identifier: Apache-2.0
// Events that two processes share by cudaIpc*: what one records, streams of the other wait for,
// also when nothing tells them but the event; then all that must be refused, and what becomes of
// those that wait when the other is killed.
#include "check.h"
#include "two-processes.h"

#include <csignal>
#include <cstring>
#include <cuda_runtime.h>

const char *const program = "ipc-events";

namespace
{

constexpr int kNumbers = 100000;
constexpr int kRounds = 40;

int gate[2]; // a pipe: streams go on when there is a byte in it

void wait_at_gate(void *)
{
    char byte;
    EXPECT(read(gate[0], &byte, 1) == 1);
}

void open_gate()
{
    EXPECT(write(gate[1], "", 1) == 1);
}

__global__ void write_numbers(unsigned *numbers, unsigned seed)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < kNumbers)
        numbers[i] = unsigned(i) * 2654435761u + seed;
}

__global__ void count_wrong(const unsigned *numbers, unsigned seed, unsigned *wrong)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < kNumbers && numbers[i] != unsigned(i) * 2654435761u + seed)
        atomicAdd(wrong, 1);
}

// Not to be mistaken for another order: x -> 3x + step.
__global__ void step(unsigned *numbers, unsigned step)
{
    int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < kNumbers)
        numbers[i] = numbers[i] * 3 + step;
}

constexpr int kBlocks = (kNumbers + 255) / 256;

void fails(cudaError_t with, cudaError_t code, int line)
{
    if (code != with)
        fail("%s instead of %s (line %d)", cudaGetErrorName(code), cudaGetErrorName(with), line);
    cudaGetLastError();
}
#define FAILS(with, call) fails(with, call, __LINE__)

struct Shared {
    cudaEvent_t theirs, ours; // who made it
    unsigned *numbers;
    cudaStream_t stream;
    unsigned *wrong;
};

cudaEvent_t make_event()
{
    cudaEvent_t event;
    CUDA(cudaEventCreateWithFlags(&event, cudaEventInterprocess | cudaEventDisableTiming));
    return event;
}

cudaIpcEventHandle_t handle_of(cudaEvent_t event)
{
    cudaIpcEventHandle_t handle;
    CUDA(cudaIpcGetEventHandle(&handle, event));
    return handle;
}

Shared begin()
{
    Shared it{};
    CUDA(cudaStreamCreateWithFlags(&it.stream, cudaStreamNonBlocking));
    CUDA(cudaMalloc(&it.wrong, sizeof *it.wrong));
    CUDA(cudaMemset(it.wrong, 0, sizeof *it.wrong));
    it.ours = make_event();
    cudaIpcEventHandle_t handle = handle_of(it.ours), again = handle_of(it.ours);
    EXPECT(std::memcmp(&handle, &again, sizeof handle) == 0);
    tell(handle);
    CUDA(cudaIpcOpenEventHandle(&it.theirs, hear<cudaIpcEventHandle_t>()));
    return it;
}

// Numbers that are there when somebody opens the gate.
void record_late(const Shared &it, cudaEvent_t event, unsigned seed)
{
    CUDA(cudaLaunchHostFunc(it.stream, wait_at_gate, nullptr));
    write_numbers<<<kBlocks, 256, 0, it.stream>>>(it.numbers, seed);
    CUDA(cudaEventRecord(event, it.stream));
}

// Nothing but the event says when they are there.
void queue_check(const Shared &it, cudaEvent_t event, unsigned seed)
{
    CUDA(cudaStreamWaitEvent(it.stream, event, 0));
    count_wrong<<<kBlocks, 256, 0, it.stream>>>(it.numbers, seed, it.wrong);
}

void finish_check(const Shared &it)
{
    unsigned wrong = 1;
    CUDA(cudaStreamSynchronize(it.stream));
    CUDA(cudaMemcpy(&wrong, it.wrong, sizeof wrong, cudaMemcpyDeviceToHost));
    EXPECT(wrong == 0);
}

// Each side in turn, with no wait but for events.
void in_turn(const Shared &it, bool first)
{
    for (int round = 0; round < kRounds; round++) {
        if (!first || round > 0) {
            hear<int>();
            CUDA(cudaStreamWaitEvent(it.stream, it.theirs, 0));
        }
        step<<<kBlocks, 256, 0, it.stream>>>(it.numbers, unsigned(2 * round + (first ? 0 : 1)));
        CUDA(cudaEventRecord(it.ours, it.stream));
        tell(1);
    }
    if (first) {
        hear<int>();
        CUDA(cudaEventSynchronize(it.theirs));
    }
}

int maker()
{
    Shared it = begin();
    CUDA(cudaMalloc(&it.numbers, kNumbers * sizeof *it.numbers));
    CUDA(cudaMemset(it.numbers, 0, kNumbers * sizeof *it.numbers));
    cudaIpcMemHandle_t memory;
    CUDA(cudaIpcGetMemHandle(&memory, it.numbers));
    tell(memory);
    meet(); // neither event was recorded

    record_late(it, it.ours, 1);
    FAILS(cudaErrorNotReady, cudaEventQuery(it.ours));
    meet();
    meet(); // the other has waited for that
    CUDA(cudaEventQuery(it.ours));
    CUDA(cudaEventSynchronize(it.ours));
    meet();

    meet(); // the other has recorded our event, and is not done
    FAILS(cudaErrorNotReady, cudaEventQuery(it.ours));
    queue_check(it, it.ours, 2);
    FAILS(cudaErrorNotReady, cudaStreamQuery(it.stream));
    open_gate();
    finish_check(it);
    CUDA(cudaEventQuery(it.ours));

    meet();
    hear<int>(); // the other waits for the recording before this one
    record_late(it, it.ours, 3);
    meet();
    hear<int>(); // the other has seen that
    open_gate();
    meet();

    in_turn(it, true);
    meet();

    CUDA(cudaEventDestroy(it.ours)); // though the other has it
    CUDA(cudaDeviceSynchronize());
    meet();
    it.ours = make_event();
    tell(handle_of(it.ours));
    record_late(it, it.ours, 5);
    CUDA(cudaStreamQuery(cudaStreamLegacy)); // all that is asked of us has come
    meet();
    hear<int>();
    kill(getpid(), SIGKILL); // nobody opens the gate
    return 1;
}

void refusals(const Shared &it, const cudaIpcEventHandle_t &theirs)
{
    cudaEvent_t event, plain;
    cudaIpcEventHandle_t handle;
    FAILS(cudaErrorInvalidValue, cudaEventCreateWithFlags(&event, cudaEventInterprocess));
    FAILS(cudaErrorInvalidValue,
          cudaEventCreateWithFlags(&event, cudaEventInterprocess | cudaEventBlockingSync));
    CUDA(cudaEventCreateWithFlags(&plain, cudaEventDisableTiming));
    FAILS(cudaErrorInvalidResourceHandle, cudaIpcGetEventHandle(&handle, plain));
    FAILS(cudaErrorInvalidResourceHandle, cudaIpcGetEventHandle(&handle, it.theirs));
    FAILS(cudaErrorInvalidValue, cudaIpcGetEventHandle(nullptr, it.ours));
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(nullptr, theirs));
    FAILS(cudaErrorDeviceUninitialized, cudaIpcOpenEventHandle(&event, handle_of(it.ours)));
    std::memset(&handle, 0, sizeof handle);
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(&event, handle));
    std::memset(&handle, 0x5a, sizeof handle);
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(&event, handle));
    handle = theirs; // a secret that is not the right one
    handle.reserved[28] = char(handle.reserved[28] ^ 1);
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(&event, handle));
    float time;
    FAILS(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&time, it.theirs, it.theirs));
    CUDA(cudaEventDestroy(plain));
    plain = make_event();
    CUDA(cudaEventDestroy(plain));
    FAILS(cudaErrorInvalidResourceHandle, cudaIpcGetEventHandle(&handle, plain));
}

// One is not the other.
void mistaken(const cudaIpcEventHandle_t &event_handle, const cudaIpcMemHandle_t &memory_handle)
{
    cudaEvent_t event;
    void *pointer;
    cudaIpcEventHandle_t as_event;
    cudaIpcMemHandle_t as_memory;
    std::memcpy(&as_event, &memory_handle, sizeof as_event);
    std::memcpy(&as_memory, &event_handle, sizeof as_memory);
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(&event, as_event));
    FAILS(cudaErrorInvalidValue,
          cudaIpcOpenMemHandle(&pointer, as_memory, cudaIpcMemLazyEnablePeerAccess));
}

void user(pid_t child)
{
    Shared it = begin();
    auto memory = hear<cudaIpcMemHandle_t>();
    CUDA(cudaIpcOpenMemHandle(reinterpret_cast<void **>(&it.numbers), memory,
                              cudaIpcMemLazyEnablePeerAccess));
    CUDA(cudaEventQuery(it.theirs));
    CUDA(cudaStreamWaitEvent(it.stream, it.theirs, 0));
    CUDA(cudaStreamSynchronize(it.stream));
    CUDA(cudaEventSynchronize(it.theirs));
    meet();

    meet(); // recorded, and at the gate
    FAILS(cudaErrorNotReady, cudaEventQuery(it.theirs));
    queue_check(it, it.theirs, 1);
    FAILS(cudaErrorNotReady, cudaStreamQuery(it.stream));
    FAILS(cudaErrorNotReady, cudaEventQuery(it.theirs));
    open_gate();
    finish_check(it);
    CUDA(cudaEventQuery(it.theirs));
    meet();

    meet();                        // seen by the other too
    record_late(it, it.theirs, 2); // an event of the other's
    FAILS(cudaErrorNotReady, cudaEventQuery(it.theirs));
    meet();
    CUDA(cudaEventSynchronize(it.theirs)); // the other opens the gate

    meet();
    queue_check(it, it.theirs, 2);
    tell(1);
    meet(); // recorded anew, which is nothing to who waits already
    finish_check(it);
    FAILS(cudaErrorNotReady, cudaEventQuery(it.theirs));
    tell(1);
    CUDA(cudaEventSynchronize(it.theirs));
    queue_check(it, it.theirs, 3);
    finish_check(it);
    meet();

    in_turn(it, false);
    meet();
    unsigned expected = 5 * 2654435761u + 3, got = 0;
    for (int i = 0; i < 2 * kRounds; i++)
        expected = expected * 3 + unsigned(i);
    CUDA(cudaMemcpy(&got, it.numbers + 5, sizeof got, cudaMemcpyDeviceToHost));
    EXPECT(got == expected);

    meet(); // destroyed over there
    CUDA(cudaEventQuery(it.theirs));
    CUDA(cudaEventDestroy(it.theirs));
    FAILS(cudaErrorInvalidResourceHandle, cudaEventQuery(it.theirs));
    auto handle = hear<cudaIpcEventHandle_t>();
    CUDA(cudaIpcOpenEventHandle(&it.theirs, handle));
    refusals(it, handle);
    mistaken(handle, memory);
    meet();
    FAILS(cudaErrorNotReady, cudaEventQuery(it.theirs));
    CUDA(cudaStreamWaitEvent(it.stream, it.theirs, 0));
    FAILS(cudaErrorNotReady, cudaStreamQuery(it.stream));
    tell(1);
    int status = -1;
    EXPECT(waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL);
    CUDA(cudaStreamSynchronize(it.stream)); // nobody waits for the dead
    CUDA(cudaEventSynchronize(it.theirs));
    CUDA(cudaEventRecord(it.theirs, it.stream));
    CUDA(cudaEventSynchronize(it.theirs));
    // What worked for the child may see its end a moment after us; alarm() ends a wait in vain.
    cudaEvent_t event;
    while (cudaIpcOpenEventHandle(&event, handle) == cudaSuccess) {
        CUDA(cudaEventDestroy(event));
        usleep(1000);
    }
    cudaGetLastError();
    FAILS(cudaErrorInvalidValue, cudaIpcOpenEventHandle(&event, handle));
    CUDA(cudaEventDestroy(it.theirs));
    CUDA(cudaEventDestroy(it.ours));
    CUDA(cudaIpcCloseMemHandle(it.numbers));
    int can = 0;
    CUDA(cudaDeviceGetAttribute(&can, cudaDevAttrIpcEventSupport, 0));
    EXPECT(can == 1);
}

} // namespace

int main()
{
    EXPECT(pipe(gate) == 0);
    pid_t child = two_processes();
    if (child == 0)
        return maker();
    user(child);
    std::printf("%s: ok %d rounds of two processes\n", program, kRounds);
    return 0;
}
