// SPDX-License-Identifier: Apache-2.0
// Device memory: a window of addresses that the client has reserved too, physical memory mapped
// into it in chunks, blocks within. Device pointers are therefore equal on both ends. Every byte
// mapped is charged to the slice's quota first.
#pragma once

#include "remoting/base/arena.h"
#include "remoting/server/contexts.h"
#include "remoting/server/driver.h"
#include "remoting/server/fence.h"
#include "remoting/server/quota.h"
#include "remoting/server/sharing.h"
#include "remoting/server/slice.h"

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

// Physical memory of a device, for the driver's virtual memory management.
CUmemAllocationProp on_device(CUdevice device);

class Memory
{
public:
    static constexpr uint64_t kAlignment = 512;
    static constexpr uint64_t kSmall = 1 << 20; // larger blocks are mapped by themselves

    Memory(const Driver &driver, const std::vector<Slice> &slices, Contexts &contexts,
           Sharing &sharing);
    ~Memory();

    // Of the slices as they are, these are left, in this order. Before the first allocation.
    void keep(const std::vector<size_t> &order);

    // Takes the first of these address ranges that the driver has free. 0 if there is none.
    CUdeviceptr open_window(uint64_t bytes, std::span<const uint64_t> bases);

    CUdeviceptr window() const { return window_; } // 0: not open yet

    // `word`: the context it belongs to.
    CUresult allocate(size_t slice, uint32_t word, uint64_t bytes, CUdeviceptr *pointer);

    // The block is given back when the fence is passed; from now on it is no block any more.
    CUresult free(CUdeviceptr pointer, Fence fence);

    // Of a block that other sessions may have: the mapping that it is in, which is what the driver
    // can export. Nothing if it is none, or if that cannot be shared.
    struct Lent {
        size_t slice;
        CUdeviceptr mapping;
        uint64_t mapping_bytes;
    };
    std::optional<Lent> lent(CUdeviceptr pointer, uint64_t bytes) const;

    // Maps another session's memory, which that pays for. What begins `offset` bytes behind its
    // start becomes a block, and is given back like any other.
    CUresult borrow(size_t slice, uint32_t word, CUmemGenericAllocationHandle handle,
                    uint64_t bytes, uint64_t offset, CUdeviceptr *pointer);
    // That session pays no longer, so this one does, though it be too much: then it can borrow and
    // allocate no more. Any thread.
    void take_over(size_t slice, uint64_t bytes) { shares_[slice].quota->take_over(bytes); }
    bool over(size_t slice) const { return shares_[slice].quota->over(); }

    // Blocks that were freed while other sessions have them. They are given back, by this, when
    // those have let go.
    bool lingers() const noexcept { return !lingering_.empty(); }
    void tidy();

    // A context ends: so do its blocks. The device must be done with them.
    void drop_context(uint32_t word);

    // What is left of the slice's quota, for all its workers, once the device has passed what is
    // being freed. Does not wait for it.
    void info(size_t slice, uint64_t &free, uint64_t &total);

    // For memory that the client maps itself (physical.h). False if it is too much.
    bool charge(size_t slice, uint64_t bytes);
    void release(size_t slice, uint64_t bytes);

    // What the driver takes by itself: charged, not mapped. It belongs to a context, by whose end
    // it is let go; `which` tells several of a kind apart. 0 bytes let it go. False, and nothing is
    // changed, if it is too much.
    enum class Held { limit, module, library, context, managed, array, graph };
    bool hold(size_t slice, uint32_t word, Held what, uint64_t which, uint64_t bytes);
    uint64_t held(uint32_t word, Held what, uint64_t which) const;

    // What was held before its name was known gets it: `which` was 0, or the word was.
    void name_held(uint32_t word, Held what, uint64_t which);
    void name_context(uint32_t word);
    void let_go(Held what, uint64_t which); // in all contexts

    // The same, but not before the driver has let go of it, in another thread: when `gone` is
    // ready. Until then it counts as being freed.
    void let_go_when(uint32_t word, Held what, uint64_t which, std::future<void> gone);

    // Whether a pointer lies in what the session may name: the window, or a range added.
    bool reaches(CUdeviceptr pointer) const;

    // A module's global or mapped host memory, until its owner is dropped.
    void add_range(CUdeviceptr base, uint64_t bytes, uint64_t owner);
    void drop_ranges(uint64_t owner);

private:
    struct Block {
        size_t slice;
        uint32_t word;
        uint64_t bytes;
        bool whole; // its own mapping, not a part of a chunk
        bool borrowed = false;
        uint64_t offset = 0; // of what is borrowed, in its mapping
    };
    struct Pending {
        Fence fence;
        CUdeviceptr pointer;
        Block block;
    };
    struct Range {
        uint64_t bytes;
        uint64_t owner;
    };
    struct Share { // of one slice
        std::unique_ptr<Quota> quota;
        Arena arena;
        uint64_t granularity = 0;
        CUmemAllocationProp prop{}; // shareable, where the driver can
        std::vector<CUmemAccessDesc> access;
    };

    CUresult create(Share &share, uint64_t bytes, CUmemGenericAllocationHandle *handle);
    CUresult map(size_t slice, uint64_t bytes, CUdeviceptr *pointer);
    void unmap(size_t slice, CUdeviceptr pointer, uint64_t bytes, bool borrowed = false,
               uint64_t offset = 0);
    CUresult try_allocate(size_t slice, uint32_t word, uint64_t bytes, CUdeviceptr *pointer);
    void release(CUdeviceptr pointer, const Block &block);
    void reap(bool wait);
    void reap_leaving(bool wait);
    void trim(size_t slice);
    uint64_t being_freed(size_t slice) const;

    const Driver &driver_;
    const std::vector<Slice> &slices_;
    Contexts &contexts_;
    Sharing &sharing_;
    std::vector<Share> shares_;
    CUdeviceptr window_ = 0;
    uint64_t window_bytes_ = 0;
    Arena addresses_; // of the window
    std::unordered_map<CUdeviceptr, Block> blocks_;
    std::deque<Pending> pending_;
    std::vector<std::pair<CUdeviceptr, Block>> lingering_;
    std::map<CUdeviceptr, Range> ranges_;
    struct HeldName {
        uint32_t word;
        Held what;
        uint64_t which;
        auto operator<=>(const HeldName &) const = default;
    };
    struct HeldBytes {
        size_t slice;
        uint64_t bytes;
    };
    std::map<HeldName, HeldBytes> held_;
    struct Leaving {
        HeldName name;
        std::future<void> gone;
    };
    std::deque<Leaving> leaving_; // in the order in which they go
};

} // namespace vgpu::server
