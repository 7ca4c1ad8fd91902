// SPDX-License-Identifier: Apache-2.0
// For the tests: a bulk connection whose ends are in one place, so that it is known what passes.
#pragma once

#include "remoting/wire/bulk-stream.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace vgpu::wire
{

class MemoryStream : public BulkStream
{
public:
    explicit MemoryStream(std::vector<std::byte> &bytes, std::function<void(size_t)> takes = {})
        : bytes_(bytes), takes_(std::move(takes))
    {
    }

    void write(std::span<iovec> pieces) override
    {
        for (const iovec &piece : pieces) {
            auto *from = static_cast<const std::byte *>(piece.iov_base);
            bytes_.insert(bytes_.end(), from, from + piece.iov_len);
            if (takes_)
                takes_(piece.iov_len);
        }
    }
    size_t read(std::span<std::byte> to) override
    {
        const size_t n = std::min(to.size(), bytes_.size() - at_);
        std::copy_n(bytes_.begin() + ptrdiff_t(at_), n, to.begin());
        at_ += n;
        return n;
    }
    int descriptor() const override { return -1; }
    bool is_sealed() const override { return false; }
    uint64_t bytes_in() const override { return at_; }
    uint64_t bytes_out() const override { return bytes_.size(); }
    BulkPath path() const noexcept override { return {}; }
    void shut_down() noexcept override {}

private:
    std::vector<std::byte> &bytes_;
    std::function<void(size_t)> takes_;
    size_t at_ = 0;
};

} // namespace vgpu::wire
