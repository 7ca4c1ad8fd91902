// SPDX-License-Identifier: Apache-2.0
// Device memory that the client has a copy of, which its program takes for the same memory: managed
// variables, managed and mapped host memory where it cannot be shared. Each end keeps a twin, the
// bytes as both last knew them. What differs from it was changed here, by the device; what the
// client sends was changed there.
#pragma once

#include "remoting/server/contexts.h"
#include "remoting/server/driver.h"

#include <atomic>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace vgpu::server
{

class Mirrors
{
public:
    static constexpr size_t kMost = 1 << 16;

    explicit Mirrors(const Driver &driver) : driver_(driver) {}

    // In the context that is current. The device's bytes become zero, or stay what they are with
    // `keep`; the twin is zero.
    CUresult add(Context &context, CUdeviceptr device, uint64_t bytes, bool keep);
    void drop(CUdeviceptr device) { mirrors_.erase(device); }

    // Before the context is closed.
    void drop_context(const Context &context);

    // The client's bytes have been given to the device: so they are the twin's. False if they are
    // not of one mirror of this context.
    bool holds(const Context &context, CUdeviceptr device, uint64_t bytes) const;
    void note(CUdeviceptr device, std::span<const std::byte> bytes);

    // What the client's bytes go to the device by: beside all other streams, since the device may
    // have much to do, but joined by those that are given work behind them.
    CUstream stream(const Context &context) const;
    CUresult join(Contexts &contexts, CUstream stream);

    // To be called by a waiter: finds what the device has changed since, of the mirrors that were
    // there when it was made, and gives it out, mirror by mirror.
    using Change = std::function<void(CUdeviceptr device, std::span<const std::byte> bytes)>;
    std::function<CUresult(const Change &)> gather();

    // One at a time: false if another has not ended.
    bool begin_gather() noexcept { return !gathering_.exchange(true, std::memory_order_acquire); }
    void end_gather() noexcept { gathering_.store(false, std::memory_order_release); }

private:
    // Of a mirror, untouched where nothing was ever written.
    struct Twin {
        explicit Twin(uint64_t bytes);
        ~Twin();
        std::byte *data;
        uint64_t bytes;
        std::mutex mutex; // of the bytes: a waiter and the dispatch thread
    };
    struct Mirror {
        CUdeviceptr device;
        uint32_t word;
        std::shared_ptr<Twin> twin;
    };
    struct Lane { // of a context
        CUcontext handle;
        CUstream stream;
    };
    static CUresult gather(const Driver &driver, const Lane &lane, const Mirror &mirror,
                           std::span<std::byte> scratch, const Change &change);

    const Driver &driver_;
    std::map<CUdeviceptr, Mirror> mirrors_; // they never overlap
    std::map<uint32_t, Lane> lanes_;        // by the context's word
    // Set by the dispatch thread, cleared by the waiter before it sends the last reply.
    std::atomic<bool> gathering_{false};
};

} // namespace vgpu::server
