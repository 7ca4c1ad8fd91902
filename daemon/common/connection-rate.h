// SPDX-License-Identifier: Apache-2.0
// How many connections a second each of many origins may open.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace vgpu::control
{

class ConnectionRate
{
public:
    /// So many a second on the average, and as many at once; 0: any number.
    explicit ConnectionRate(uint32_t limit) : limit_(limit) {}

    /// May it open one more now?
    bool take(const std::string &origin, uint64_t now_ns);

    uint32_t limit() const noexcept { return limit_; }

private:
    void forget(uint64_t now_ns);

    // Of an origin: when all that it has opened is paid off. An entry whose time has passed is as
    // good as none.
    std::map<std::string, uint64_t> paid_ns_;
    uint32_t limit_;
};

} // namespace vgpu::control
