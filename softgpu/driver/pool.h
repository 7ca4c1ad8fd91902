// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/context.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::soft::driver
{

class SharedFile;

/// Memory that is allocated and freed in a stream's order. What is freed stays with the pool, for
/// the next allocation, until it is trimmed.
class Pool : public std::enable_shared_from_this<Pool>
{
public:
    explicit Pool(Device &device, size_t max_size = 0, std::shared_ptr<SharedFile> name = nullptr,
                  bool imported = false)
        : device(device), name(std::move(name)), imported(imported), max_size_(max_size)
    {
    }

    uint64_t id = 0;
    Device &device;
    const std::shared_ptr<SharedFile> name; ///< what stands for a pool that other processes may
                                            ///< have; its memory is in files of its own
    const bool imported;                    ///< another process's: it allocates nothing here

    uint64_t allocate(Stream &stream, size_t bytes);
    /// False if the pool has no such block in use.
    bool free(Stream &stream, uint64_t address);

    /// Gives unused memory back to the device, down to `keep` bytes held. False if streams must
    /// come by first.
    bool trim(size_t keep);
    bool trim_to_threshold() { return trim(threshold()); }

    uint64_t get(CUmemPool_attribute attribute) const;
    void set(CUmemPool_attribute attribute, uint64_t value);

private:
    struct Block {
        uint64_t address = 0;
        size_t size = 0; ///< of the mapping
        Point freed;     ///< for an unused one: not to be used before this, but by the same stream
        std::shared_ptr<SharedFile> file{}; ///< where it lies, if other processes may have it
    };

    size_t threshold() const;
    bool reuse(const Stream &stream, size_t size, Block &block);
    Block map(size_t size);

    const size_t max_size_;
    mutable std::mutex lock_;
    std::vector<Block> unused_;
    std::map<uint64_t, Block> used_;
    size_t reserved_ = 0, reserved_high_ = 0, used_bytes_ = 0, used_high_ = 0;
    uint64_t threshold_ = 0;
    int reuse_events_ = 1, reuse_opportunistic_ = 1, reuse_internal_ = 1;
};

} // namespace vgpu::soft::driver
