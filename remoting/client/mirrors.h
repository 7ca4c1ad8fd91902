// SPDX-License-Identifier: Apache-2.0
// Host memory that the program takes for the device's own, where the two cannot share it: a copy at
// either end, made the same before work is given to the device and after it was waited for. Found
// by comparing with a twin, the bytes as both ends last knew them, so that no page is ever
// protected: system calls and other threads may use the memory at any time, and what two of them
// write side by side is both kept.
#pragma once

#include "remoting/client/connection.h"
#include "remoting/client/context.h"
#include "remoting/client/copy-in-window.h"

#include <cuda.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace vgpu::client
{

class Session;

class Mirrors
{
public:
    Mirrors();
    ~Mirrors();
    Mirrors(const Mirrors &) = delete;

    // When the program may write to it.
    enum class Writes {
        idle,   // while the device does nothing: managed memory
        always, // mapped and registered memory, managed memory kept from kernels
    };

    // Memory at `host` is that at `device` in the worker, of the current context, until remove().
    // With `fetched`, what the device has there is what counts; else it is what is here.
    CUresult add(Session &session, const Context &context, uint64_t host, CUdeviceptr device,
                 uint64_t bytes, Writes writes, bool fetched);
    void remove(Session &session, uint64_t host);
    void remove_context(uint64_t context); // the worker has ended it
    void set_writes(uint64_t host, Writes writes);

    bool any() const noexcept { return any_.load(std::memory_order_acquire); }

    // After a wait for the device: what it has changed is fetched.
    CUresult after_wait(Session &session);

    // For a host function while its stream waits for it: what it has written is at the device when
    // this returns.
    CUresult exchange(Session &session);

private:
    friend class DeviceWork;
    struct Mirror;
    class Fetch;

    CUresult push(Session &session, const Context &context, CUstream stream, bool joins);
    CUresult send(Session &session, Mirror &mirror, size_t gap);
    CUresult send_batch(Session &session, uint32_t word);
    CUresult fetch(Session &session);

    std::atomic<bool> any_{false}; // written with the lock; partner: any() in every thread
    // Beginnings of work given to the device, and those not at their end yet: a DeviceWork ends
    // without the lock. Partner: fetch() and push().
    std::atomic<uint64_t> given_{0};
    std::atomic<unsigned> giving_{0};

    std::mutex mutex_; // of all below; held while both ends are made the same
    std::map<uint64_t, std::unique_ptr<Mirror>> mirrors_; // by device address
    uint64_t settled_ = 0; // `given_` when all of it was known to be done, and fetched
    // Waits of any thread. A thread that has pushed since the latest need not compare memory of
    // Writes::idle: nobody may have written to it.
    uint64_t waits_ = 0;
    uint64_t pushed_ = 0; // batches sent
    uint64_t joined_ = 0; // all streams are behind so many of them
    std::unordered_map<uint64_t, uint64_t> stream_joined_;
    CopyInWindow window_;          // the worker has staging memory of its own for mirrors
    std::vector<std::byte> batch_; // being filled: records of vgpuMirrorIn
    size_t batch_bytes_ = 0;       // of memory, without the records' heads
};

// To be there while work is given to a stream: what the program has written is sent ahead of it.
class DeviceWork
{
public:
    // `joins`: behind all that was sent, though the stream seemed to be: what was captured from it
    // was not.
    DeviceWork(Session &session, const Context &context, CUstream stream, bool joins = false);
    ~DeviceWork();
    DeviceWork(const DeviceWork &) = delete;

    // Unless it is a success, the work is not to be given.
    CUresult result = CUDA_SUCCESS;

private:
    Mirrors *mirrors_ = nullptr; // null where there are none
};

} // namespace vgpu::client
