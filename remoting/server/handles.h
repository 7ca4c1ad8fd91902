// SPDX-License-Identifier: Apache-2.0
// The driver's handles by the ids that the client chose, looked up by kind. This is the table that
// the parameters of remoting/api/params.h speak to.
#pragma once

#include "remoting/api/params.h"
#include "remoting/server/contexts.h"
#include "remoting/server/slice.h"

#include <optional>
#include <unordered_map>
#include <vector>

namespace vgpu::server
{

class Memory;

class Handles
{
public:
    static constexpr size_t kMost = 1 << 20; // a client that makes more leaks, or means harm

    Handles(Contexts &contexts, const std::vector<Slice> &slices, const Memory &memory)
        : contexts_(contexts), slices_(slices), memory_(memory)
    {
    }

    CUresult find(api::Kind kind, uint64_t id, void *&handle) const;
    // A function or kernel to be launched, and how many bytes of parameters it takes (asked of the
    // driver once).
    struct Entry {
        void *handle;
        uint64_t owner;
        uint32_t word;
        int64_t parameters = -1;
    };
    Entry *function(uint64_t id);

    CUresult device(int32_t ordinal, CUdevice &device);
    CUresult pointer(CUdeviceptr pointer) const;

    // The id of something of that kind; 0 if it has none. Looks at all there is.
    uint64_t id_of(api::Kind kind, void *handle) const;

    std::vector<void *> all_of(api::Kind kind, std::optional<uint32_t> word = {}) const;

    // Whether an id may be given to something new.
    CUresult claim(api::Kind kind, uint64_t id) const;

    // `owner`: the id of the module, library or kernel that it was found in, or 0. It ends with its
    // owner and with the context that was current.
    void add(uint64_t id, void *handle, uint64_t owner);
    void remove(uint64_t id);
    void remove_context(uint32_t word);

    // What a context's object is known by; null if it is none of that kind.
    const Entry *entry(api::Kind kind, uint64_t id) const;

    // Which slice the last Device parameter meant: two slices may be of one device.
    size_t slice_named() const noexcept { return slice_named_; }
    size_t size() const noexcept { return entries_.size(); }

private:
    Contexts &contexts_;
    const std::vector<Slice> &slices_;
    const Memory &memory_;
    std::unordered_map<uint64_t, Entry> entries_;
    std::unordered_multimap<uint64_t, uint64_t> owned_; // by owner; some may be gone already
    size_t slice_named_ = 0;
};

} // namespace vgpu::server
