// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/images.h"

#include "remoting/api/kinds.h"

namespace vgpu::server
{

CUresult Images::add(uint64_t id, uint64_t total, uint64_t offset, std::span<const std::byte> data)
{
    if (api::kind_of(id) != api::Kind::image)
        return CUDA_ERROR_INVALID_HANDLE;
    auto at = images_.find(id);
    if (at == images_.end()) {
        if (total == 0 || offset != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (total > kMost - promised_)
            return CUDA_ERROR_OUT_OF_MEMORY;
        at = images_.emplace(id, Image{total, {}}).first;
        promised_ += total;
    }
    // Grown by what comes, not by what is promised.
    Image &image = at->second;
    if (image.total != total || offset != image.bytes.size() || data.size() > total - offset)
        return CUDA_ERROR_INVALID_VALUE;
    image.bytes.insert(image.bytes.end(), data.begin(), data.end());
    return CUDA_SUCCESS;
}

void Images::drop(uint64_t id)
{
    auto at = images_.find(id);
    if (at == images_.end())
        return;
    promised_ -= at->second.total;
    images_.erase(at);
}

const std::vector<std::byte> *Images::find(uint64_t id) const
{
    auto at = images_.find(id);
    bool whole = at != images_.end() && at->second.bytes.size() == at->second.total;
    return whole ? &at->second.bytes : nullptr;
}

} // namespace vgpu::server
