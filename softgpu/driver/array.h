// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/device.h"
#include "softgpu/ptx/texture.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace vgpu::soft::driver
{

class Context;

/// An element format of cuda.h as the executor knows it. Throws NOT_SUPPORTED for compressed and
/// planar ones; `channels` of a format that says so itself is that format's.
struct Element {
    ChannelFormat format = ChannelFormat::u8;
    unsigned channels = 1;

    size_t bytes() const { return channel_bytes(format) * channels; }
};
Element element_of(CUarray_format format, unsigned channels);

/// The bytes behind arrays: charged to the device, not mapped for kernels, which reach them through
/// textures and surfaces only.
class ArrayMemory
{
public:
    ArrayMemory(Device &device, size_t bytes);
    ~ArrayMemory();
    ArrayMemory(const ArrayMemory &) = delete;
    ArrayMemory &operator=(const ArrayMemory &) = delete;

    Device &device;
    const size_t bytes;

    std::byte *data() const { return reinterpret_cast<std::byte *>(address_); }

private:
    const size_t mapped_;
    uint64_t address_ = 0;
};

/// A CUDA array: elements in rows, rows in slices, packed without gaps. One level of a mipmapped
/// array is one too.
class Array
{
public:
    /// Checks the description against the limits of the device.
    static std::shared_ptr<Array> create(Context &context, const CUDA_ARRAY3D_DESCRIPTOR &wanted);

    uint64_t id = 0;
    CUDA_ARRAY3D_DESCRIPTOR description{};
    uint64_t context = 0;
    Element element;
    ImageLevel level;
    std::shared_ptr<ArrayMemory> memory;
    bool of_mipmap = false;

    size_t bytes() const { return level.slice * level.depth; }
    Image image() const;
};

class Mipmap
{
public:
    static std::shared_ptr<Mipmap> create(Context &context, const CUDA_ARRAY3D_DESCRIPTOR &wanted,
                                          unsigned levels);

    uint64_t id = 0;
    uint64_t context = 0;
    std::vector<std::shared_ptr<Array>> levels;

    Image image() const;
};

/// Frees the arrays, textures and surfaces of a context that ends.
void release_arrays(const Context &context);

} // namespace vgpu::soft::driver
