// SPDX-License-Identifier: Apache-2.0
// What this session shares with others on its node (HACKING.md, "IPC"). The one that offers opens a
// door, an abstract Unix socket with a random name; who knows the secret of an offer, is of the
// same user and of the same job, gets the driver's descriptor there. The connection stays, a line:
// as long as it does, the one that offered pays for the memory. Of an event, there is only the
// driver's own handle to get.
//
// Everything may be called by any thread. The thread that watches door and lines is started by the
// first of them.
#pragma once

#include "remoting/api/ipc-handle.h"
#include "remoting/base/fd.h"

#include <cuda.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace vgpu::server
{

class Sharing
{
public:
    // Whose session this is. Of the same job, or of the same lease, are others that may share.
    struct Identity {
        std::string node, lease, job;
    };

    struct Offer {
        api::IpcKind kind = api::IpcKind::memory;
        uint64_t mapping_bytes = 0; // all that the descriptor stands for
        uint64_t offset = 0;        // in it
        uint64_t bytes = 0;
        std::array<std::byte, 16> uuid{}; // of the device
        CUipcEventHandle event{};         // the driver's, for an event, which has nothing else
        uint64_t pool = 0;                // of a pool's block: what its owner calls the pool
    };

    struct Fetched {
        Offer offer;
        Fd memory;
        Fd line;
    };

    struct Refusal {
        CUresult code;
        std::string why;
    };

    Sharing() = default;
    ~Sharing() { close(); }
    Sharing(const Sharing &) = delete;

    void introduce(Identity identity) { identity_ = std::move(identity); } // before the first call

    // Memory of another one is this session's to pay for from now on. Called by the thread.
    std::function<void(size_t slice, uint64_t bytes)> take_over;

    // What is at `block`, which is part of `mapping`, is to be had by who has the handle, once
    // there is a descriptor. Offered again, it is the same handle. An allocation is both by its id,
    // which is no address; an event by the driver's word for it, a
    // pool by its owner's.
    api::IpcHandle offer(uint64_t mapping, uint64_t block, const Offer &offer);
    bool has_descriptor(const api::IpcHandle &handle);
    // False if it was withdrawn meanwhile.
    bool complete(const api::IpcHandle &handle, Fd memory);

    void withdraw(uint64_t block);       // nobody gets it any more
    bool lent_out(uint64_t block);       // somebody has it
    void mapping_gone(uint64_t mapping); // nor is it paid for any more

    // Asks the one that offered; may wait for some seconds. A ticket for `take`.
    std::optional<Refusal> fetch(std::span<const std::byte> handle, uint64_t &ticket);
    std::optional<Fetched> take(uint64_t ticket);

    // What was taken is mapped at `pointer`, or is the allocation of that id, until it is let go:
    // the bytes to be released then.
    void hold(uint64_t pointer, Fd line, size_t slice, uint64_t bytes);
    uint64_t let_go(uint64_t pointer);

    void close(); // ends the thread; all lines are cut

private:
    using Secret = std::array<std::byte, 16>;
    struct Entry {
        Offer offer;
        uint64_t mapping;
        uint64_t block;
    };
    struct Line { // of somebody who has what we offered
        Fd fd;
        uint64_t mapping;
        uint64_t block;
    };
    struct Held {
        Fd line;
        size_t slice;
        uint64_t bytes;
    };

    void start();
    void open_door();
    void run();
    void serve_door();
    void serve_caller(Fd caller);
    void wake();

    Identity identity_;
    std::atomic<bool> offering_{false}; // something was offered once; partner: withdraw
    std::mutex mutex_;                  // of all below
    uint64_t door_name_ = 0;
    Fd door_, wake_;
    std::thread thread_;
    bool ending_ = false;
    std::map<Secret, Entry> offers_;
    std::map<uint64_t, Secret> by_block_;
    std::map<uint64_t, Fd> memory_; // descriptors by mapping
    std::vector<Fd> callers_;       // who have not asked yet
    std::vector<Line> lines_;
    std::map<uint64_t, Fetched> fetched_;
    uint64_t last_ticket_ = 0;
    std::map<uint64_t, Held> held_;
};

} // namespace vgpu::server
