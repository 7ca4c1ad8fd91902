// SPDX-License-Identifier: Apache-2.0
// The call path, measured from a client's side. Run by bench/run over each channel and driver.
//
//   calls CHANNEL ROUNDS    synchronous calls and launches, beside the floors
//   copies LABEL ROUNDS MEMORY SIZE...   copies of that many KiB; MEMORY is pinned or pageable
//   crowded CHANNEL MIB     a synchronous call on one stream while so much is copied on another
//   launches COUNT TURNS    a program that launches a kernel of so many loop turns; prints its time
//   steps COUNT             a training loop as the call path sees it; prints its time
//   first                   one kernel, and its result
//   managed CHANNEL ROUNDS  a launch and a wait with managed memory, changed by the host or not
//   count ROUNDS            a thousand launches and synchronous calls a round
//   total MIB               copies that much both ways, pinned and pageable; prints its time
//   device                  says what device there is; status 77 where there is none
//   idle                    opens a session, prints how long that took, waits for the end of input
//   load LIBRARY            how long the loader takes for a library that is then not used
#include "bench/device.h"
#include "bench/floors.h"
#include "bench/measure.h"

#include <atomic>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace vgpu::bench;

namespace
{

// A round moves a quarter of this at least: so much that how it begins and ends does not count.
constexpr size_t kMoved = size_t(1) << 30;

std::string named(const char *what, const char *where, const char *figure)
{
    return std::string(what) + "-" + where + "-" + figure;
}

void calls(const char *channel, int rounds)
{
    constexpr int kCalls = 1000, kBatch = 2000;
    constexpr uint64_t kMany = 100'000;
    const bool shared = !std::strcmp(channel, "shm");
    Floors floors;
    Device device;
    CUfunction nothing = device.kernel("nothing");
    launch_nothing(nothing);
    CU(cuCtxSynchronize());

    Samples call, floor, launch, post, rate, floor_rate;
    for (int round = 0; round < rounds; round++) {
        settle();
        for (int i = 0; i < kCalls; i++)
            floor.add(timed([&] { shared ? floors.ring_round_trip() : floors.tcp_round_trip(); }));
        settle();
        for (int i = 0; i < kCalls; i++)
            call.add(timed([&] { CU(cuCtxSynchronize()); }));

        // What a bare ring takes from its writer for a message; then what a launch takes.
        settle();
        post.add(floors.ring_messages(kBatch) / kBatch);
        double cpu = timed(
            [&] {
                for (int i = 0; i < kBatch; i++)
                    launch_nothing(nothing);
            },
            CLOCK_THREAD_CPUTIME_ID);
        launch.add(cpu / kBatch);
        CU(cuCtxSynchronize());

        settle();
        floor_rate.add(double(kMany) /
                       (shared ? floors.ring_messages(kMany) : floors.tcp_stream(kMany * 128)));
        rate.add(double(kMany) / timed([&] {
                     for (uint64_t i = 0; i < kMany; i++)
                         launch_nothing(nothing);
                     CU(cuCtxSynchronize());
                 }));
    }
    double p50 = call.quantile(0.5) * 1e6;
    report(named("sync", channel, "p50").c_str(), p50, "us", floor.quantile(0.5) * 1e6);
    report(named("sync", channel, "p99").c_str(), call.quantile(0.99) * 1e6, "us", p50);
    report(named("launch", channel, "cpu").c_str(), launch.median() * 1e9, "ns",
           post.median() * 1e9);
    report(named("launch", channel, "rate").c_str(), rate.median() / 1e6, "M/s",
           floor_rate.median() / 1e6);
}

void copies(const char *label, int rounds, const char *memory, int count, char **sizes)
{
    const bool pinned = !std::strcmp(memory, "pinned");
    const bool network = std::strstr(label, "tcp");
    size_t largest = 0;
    for (int i = 0; i < count; i++)
        largest = std::max(largest, size_t(std::atol(sizes[i])) << 10);
    std::unique_ptr<Floors> floors;
    if (network)
        floors = std::make_unique<Floors>();
    Device device;
    CUdeviceptr there = allocate(largest);
    void *here = nullptr;
    if (pinned)
        CU(cuMemHostAlloc(&here, largest, 0));
    else
        here = std::malloc(largest);
    std::unique_ptr<char[]> other(new char[largest]);
    std::memset(here, 1, largest);
    std::memset(other.get(), 2, largest);

    for (int i = 0; i < count; i++) {
        const size_t bytes = size_t(std::atol(sizes[i])) << 10;
        const int times = int(std::max<size_t>(1, kMoved / bytes / 4));
        Samples in, out, floor;
        for (int round = 0; round < rounds; round++) {
            floor.add(network ? floors->tcp_stream(bytes * unsigned(times)) : timed([&] {
                for (int k = 0; k < times; k++)
                    std::memcpy(other.get(), here, bytes);
                asm volatile("" ::"r"(other.get()) : "memory");
            }));
            in.add(timed([&] {
                for (int k = 0; k < times; k++)
                    CU(pinned ? cuMemcpyHtoDAsync(there, here, bytes, nullptr)
                              : cuMemcpyHtoD(there, here, bytes));
                CU(cuCtxSynchronize());
            }));
            out.add(timed([&] {
                for (int k = 0; k < times; k++)
                    CU(pinned ? cuMemcpyDtoHAsync(here, there, bytes, nullptr)
                              : cuMemcpyDtoH(here, there, bytes));
                CU(cuCtxSynchronize());
            }));
        }
        const double total = double(bytes) * times / 1e9;
        const std::string size = bytes < (1 << 20) ? std::to_string(bytes >> 10) + "K"
                                                   : std::to_string(bytes >> 20) + "M";
        for (auto [way, samples] : {std::pair("in", &in), std::pair("out", &out)})
            report((std::string("copy-") + memory + "-" + label + "-" + way + "-" + size).c_str(),
                   total / samples->median(), "GB/s", total / floor.median());
    }
}

// Small calls must not stand behind bulk: the call's p99 beside its own when nothing is copied.
void crowded(const char *channel, size_t mib)
{
    constexpr int kCalls = 6000, kCopies = 3;
    const size_t bytes = mib << 20;
    Device device;
    CUdeviceptr there = allocate(bytes);
    std::vector<char> here(bytes, 1);
    CUstream bulk, small;
    CU(cuStreamCreate(&bulk, CU_STREAM_NON_BLOCKING));
    CU(cuStreamCreate(&small, CU_STREAM_NON_BLOCKING));
    CU(cuStreamSynchronize(small));
    Samples alone;
    for (int i = 0; i < kCalls; i++)
        alone.add(timed([&] { CU(cuStreamSynchronize(small)); }));
    for (bool out : {false, true}) {
        Samples beside;
        for (int copy = 0; copy < kCopies; copy++) {
            std::atomic<bool> copying{true};
            std::thread copier([&] {
                CU(cuCtxSetCurrent(device.context));
                if (out)
                    CU(cuMemcpyDtoHAsync(here.data(), there, bytes, bulk));
                else
                    CU(cuMemcpyHtoDAsync(there, here.data(), bytes, bulk));
                CU(cuStreamSynchronize(bulk));
                copying = false;
            });
            do
                beside.add(timed([&] { CU(cuStreamSynchronize(small)); }));
            while (copying);
            copier.join();
        }
        const char *name = out ? "beside-copy-out-p99" : "beside-copy-p99";
        report(named("sync", channel, name).c_str(), beside.quantile(0.99) * 1e6, "us",
               alone.quantile(0.99) * 1e6);
    }
}

void launches(int count, unsigned turns)
{
    double start = seconds();
    Device device;
    CUfunction turn = device.kernel("turn");
    CUdeviceptr out = allocate(4);
    double ready = seconds();
    void *arguments[] = {&out, &turns};
    for (int i = 0; i < count; i++)
        CU(cuLaunchKernel(turn, 1, 1, 1, 32, 1, 1, 0, nullptr, arguments, nullptr));
    unsigned result = 0;
    CU(cuMemcpyDtoH(&result, out, 4));
    double end = seconds();
    std::printf("seconds %.6f start %.6f result %u\n", end - ready, ready - start, result);
}

// What a training step is to the call path: launches on two streams, copies, an event between the
// streams, memory given back, and one wait at its end.
void steps(int count)
{
    constexpr size_t kBytes = 256 << 10;
    constexpr int kLaunches = 100, kMost = 256;
    Device device;
    CUfunction nothing = device.kernel("nothing");
    CUstream compute, copy;
    CUevent event;
    CU(cuStreamCreate(&compute, CU_STREAM_NON_BLOCKING));
    CU(cuStreamCreate(&copy, CU_STREAM_NON_BLOCKING));
    CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    void *host = nullptr;
    CU(cuMemHostAlloc(&host, kBytes, 0));
    CUdeviceptr there = allocate(kBytes), given[kMost];
    for (CUdeviceptr &one : given)
        one = allocate(4096);
    double start = seconds();
    for (int step = 0; step < count; step++) {
        CU(cuMemcpyHtoDAsync(there, host, kBytes, copy));
        CU(cuEventRecord(event, copy));
        CU(cuStreamWaitEvent(compute, event, 0));
        for (int i = 0; i < kLaunches; i++)
            launch_nothing(nothing, compute);
        CU(cuMemsetD8Async(there, 0, kBytes, compute));
        CUresult state = cuEventQuery(event);
        if (state != CUDA_ERROR_NOT_READY)
            CU(state);
        if (step < kMost)
            CU(cuMemFree(given[step]));
        CU(cuEventRecord(event, compute));
        CU(cuStreamSynchronize(compute));
    }
    std::printf("seconds %.6f\n", seconds() - start);
}

// So much copied to the device and back, half of it from pinned memory, and looked at.
void total(size_t mib)
{
    constexpr size_t kBytes = size_t(64) << 20;
    Device device;
    CUdeviceptr there = allocate(kBytes);
    void *pinned = nullptr;
    CU(cuMemHostAlloc(&pinned, kBytes, 0));
    std::vector<char> pageable(kBytes, 1);
    std::memset(pinned, 2, kBytes);
    CU(cuMemcpyHtoD(there, pinned, kBytes));
    double start = seconds();
    size_t moved = 0;
    for (char mark = 3; moved < mib << 20; mark++) {
        pageable[kBytes - 1] = mark;
        CU(cuMemcpyHtoD(there, pageable.data(), kBytes));
        CU(cuMemcpyDtoHAsync(pinned, there, kBytes, nullptr));
        CU(cuCtxSynchronize());
        static_cast<char *>(pinned)[0] = mark;
        CU(cuMemcpyHtoDAsync(there, pinned, kBytes, nullptr));
        CU(cuMemcpyDtoH(pageable.data(), there, kBytes));
        if (pageable[0] != mark || pageable[kBytes - 1] != mark) {
            std::fprintf(stderr, "bench: what came back is not what was sent\n");
            std::exit(1);
        }
        moved += 4 * kBytes;
    }
    std::printf("seconds %.6f\n", seconds() - start);
}

int device()
{
    int version = 0, count = 0;
    char name[128] = "";
    if (cuInit(0) != CUDA_SUCCESS || cuDeviceGetCount(&count) != CUDA_SUCCESS || count == 0)
        return 77;
    CU(cuDriverGetVersion(&version));
    CU(cuDeviceGetName(name, sizeof name, 0));
    std::printf("%d.%d %s\n", version / 1000, version % 1000 / 10, name);
    return 0;
}

void first_result()
{
    Device device;
    CUfunction next = device.kernel("next");
    CUdeviceptr out = allocate(4);
    unsigned word = 41;
    void *arguments[] = {&out};
    CU(cuMemcpyHtoD(out, &word, 4));
    CU(cuLaunchKernel(next, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr));
    CU(cuMemcpyDtoH(&word, out, 4));
    std::printf("result %u\n", word);
}

// What managed memory costs a launch and a wait beside the same without any: nothing where it is
// shared, else a comparison of all of it at either end; and what a changed MiB costs more. Then for
// a page, beside the fault by which page protection would learn of it: for each that is there, and
// what each one that the host writes to costs more.
void managed(const char *channel, int rounds)
{
    constexpr size_t kMiB = size_t(1) << 20, kBytes = 64 * kMiB, kTouched = 1024;
    Device device;
    CUfunction next = device.kernel("next");
    CUdeviceptr counter = allocate(4);
    auto step = [&](CUdeviceptr where) {
        void *arguments[] = {&where};
        CU(cuLaunchKernel(next, 1, 1, 1, 1, 1, 1, 0, nullptr, arguments, nullptr));
        CU(cuCtxSynchronize());
    };
    Samples without, same, changed, touched, fault;
    step(counter);
    for (int round = 0; round < rounds; round++)
        without.add(timed([&] { step(counter); }));
    CUdeviceptr memory;
    CU(cuMemAllocManaged(&memory, kBytes, CU_MEM_ATTACH_GLOBAL));
    auto *words = reinterpret_cast<unsigned char *>(memory);
    std::memset(words, 1, kBytes);
    step(memory);
    for (int round = 0; round < rounds; round++) {
        same.add(timed([&] { step(memory); }));
        std::memset(words, round + 2, kMiB);
        changed.add(timed([&] { step(memory); }));
        touched.add(timed([&] {
            for (size_t i = 0; i < kTouched; i++)
                words[i * (kBytes / kTouched)] = static_cast<unsigned char>(round + 3);
            step(memory);
        }));
    }
    // By itself: the worker would have gone to sleep meanwhile.
    for (int round = 0; round < rounds; round++)
        fault.add(page_fault(kTouched));
    auto page = [&](const char *figure, double more, size_t pages) {
        report(named("managed", channel, figure).c_str(), std::max(more, 0.0) / double(pages) * 1e6,
               "us", fault.median() * 1e6);
    };
    page("page", same.median() - without.median(), kBytes / size_t(sysconf(_SC_PAGESIZE)));
    page("touched-page", touched.median() - same.median(), kTouched);
    report(named("managed", channel, "unchanged-64M").c_str(), same.median() * 1e6, "us",
           without.median() * 1e6);
    report(named("managed", channel, "changed-1M").c_str(), changed.median() * 1e6, "us",
           same.median() * 1e6);
    CU(cuMemFree(memory));
}

// A thousand of each, for callgrind, which counts inside the two functions alone.
void count(int rounds)
{
    Device device;
    CUfunction nothing = device.kernel("nothing");
    for (int i = 0; i < 1000 * rounds; i++)
        launch_nothing(nothing);
    for (int i = 0; i < 1000 * rounds; i++)
        CU(cuCtxSynchronize());
}

void idle()
{
    double took = timed([] { Device device; });
    std::printf("seconds %.6f\n", took);
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
}

void load(const char *library)
{
    Samples took;
    for (int i = 0; i < 31; i++) {
        int ends[2];
        if (pipe(ends))
            std::exit(1);
        pid_t child = fork();
        if (child == 0) { // where it is not loaded yet
            double time = timed([&] {
                if (!dlopen(library, RTLD_NOW))
                    std::fprintf(stderr, "bench: %s\n", dlerror());
            });
            _exit(write(ends[1], &time, sizeof time) != sizeof time);
        }
        double time = 0;
        if (read(ends[0], &time, sizeof time) == sizeof time)
            took.add(time);
        waitpid(child, nullptr, 0);
        close(ends[0]);
        close(ends[1]);
    }
    std::printf("seconds %.6f\n", took.median());
}

} // namespace

int main(int argc, char **argv)
{
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "calls" && argc == 4)
        calls(argv[2], std::atoi(argv[3]));
    else if (what == "copies" && argc > 5)
        copies(argv[2], std::atoi(argv[3]), argv[4], argc - 5, argv + 5);
    else if (what == "crowded" && argc == 4)
        crowded(argv[2], size_t(std::atol(argv[3])));
    else if (what == "launches" && argc == 4)
        launches(std::atoi(argv[2]), unsigned(std::atoi(argv[3])));
    else if (what == "steps" && argc == 3)
        steps(std::atoi(argv[2]));
    else if (what == "first" && argc == 2)
        first_result();
    else if (what == "managed" && argc == 4)
        managed(argv[2], std::atoi(argv[3]));
    else if (what == "count" && argc == 3)
        count(std::atoi(argv[2]));
    else if (what == "total" && argc == 3)
        total(size_t(std::atol(argv[2])));
    else if (what == "device" && argc == 2)
        return device();
    else if (what == "idle" && argc == 2)
        idle();
    else if (what == "load" && argc == 3)
        load(argv[2]);
    else
        return std::fprintf(stderr, "bench/callpath is run by bench/run\n"), 2;
    return 0;
}
