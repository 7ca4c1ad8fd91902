// SPDX-License-Identifier: Apache-2.0
// Which addresses mean what: the device and host memory of this process, by address. It answers
// pointer attributes, tells host from device in unified copies, and finds a bad device pointer
// before a copy is sent.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <vector>

namespace vgpu::client
{

struct Range {
    enum class Kind {
        device,     // cuMemAlloc and its kin
        mapped,     // cuMemMap; neighbours are one memory to a copy
        global,     // a module's global variable
        pinned,     // cuMemHostAlloc: see `host` for whether it is shared with the worker
        registered, // cuMemHostRegister: the application's own memory
        managed,    // cuMemAllocManaged; with an owner, a managed variable of it
        mirror,     // where kernels reach host memory that has a mirror
    };

    uint64_t base = 0;
    uint64_t bytes = 0;
    Kind kind = Kind::device;
    uint64_t context = 0; // id of the context it was made in
    int device = 0;
    uint64_t owner = 0;          // module or library of a global, pool of an allocation; 0 for none
    uint64_t host = 0;           // id of shared host memory, 0 if it is not shared
    uint64_t device_address = 0; // where kernels reach host memory, 0 if they do not
    uint64_t host_address = 0;   // of a mirror: that memory
    uint64_t mirrored = 0;       // id of the context in which that is a mirror, 0 if it is none
    unsigned flags = 0;          // as given to cuMemHostAlloc or cuMemHostRegister
    bool graph = false;          // a graph's: given out again when that is gone
    bool imported = false;       // another process's (ipc.cc)
    uint64_t serial = 0;         // CU_POINTER_ATTRIBUTE_BUFFER_ID

    bool on_device() const noexcept { return kind != Kind::pinned && kind != Kind::registered; }
    // Whether cuIpcGetMemHandle takes it: what cuMemAlloc gave.
    bool exportable() const noexcept
    {
        return kind == Kind::device && owner == 0 && !graph && !imported;
    }
    uint64_t end() const noexcept { return base + bytes; }
};

class RangeMap
{
public:
    // False if it is empty, wraps round, or overlaps what is there.
    bool add(Range range);

    // Takes out the range that begins at `base`.
    std::optional<Range> remove(uint64_t base);

    // Host memory that begins at `base` has a mirror (mirrors.h), or, with 0, none any more.
    void set_mirror(uint64_t base, uint64_t device_address, uint64_t context);

    // The range that holds `address`; where `bytes` is not 0, all of that must lie in it.
    std::optional<Range> find(uint64_t address, uint64_t bytes = 0) const;

    // The base of shared host memory by its id; 0 if there is none.
    uint64_t base_of_host(uint64_t host) const;

    // How many bytes from `address` on belong to `range`, which holds it, and to what is mapped
    // right behind it.
    uint64_t room(const Range &range, uint64_t address) const;

    // Takes out what belongs to a module, library or pool, or to a context, and gives it back.
    std::vector<Range> remove_owner(uint64_t owner);
    std::vector<Range> remove_context(uint64_t context);

    size_t size() const;

private:
    template<class Predicate>
    std::vector<Range> remove_if(Predicate predicate);

    mutable std::shared_mutex mutex_;
    std::map<uint64_t, Range> ranges_; // by base; they never overlap
    uint64_t next_serial_ = 1;
};

} // namespace vgpu::client
