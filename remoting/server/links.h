// SPDX-License-Identifier: Apache-2.0
// Linkers at work: the driver's, with the logs it writes into.
#pragma once

#include "remoting/server/driver.h"
#include "remoting/server/jit-options.h"
#include "remoting/server/limit.h"

#include <memory>
#include <span>
#include <unordered_map>

namespace vgpu::server
{

struct Link {
    CUlinkState state = nullptr;
    uint32_t word = 0; // the context it belongs to
    JitOptions jit;
    std::span<const unsigned char> image; // once it is complete; the driver's
};

class Links
{
public:
    static constexpr size_t kMost = 1024; // a client that has more leaks, or means harm

    explicit Links(const Driver &driver) : driver_(driver) {}
    ~Links();

    bool room() const { return has_room("link states", links_.size(), kMost); }
    void add(uint64_t id, std::unique_ptr<Link> link) { links_[id] = std::move(link); }
    Link *find(uint64_t id) const;
    CUresult destroy(uint64_t id);
    void drop_context(uint32_t word);

private:
    const Driver &driver_;
    std::unordered_map<uint64_t, std::unique_ptr<Link>> links_;
};

} // namespace vgpu::server
