// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/copy.h"
#include "softgpu/driver/capture.h"
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <cstring>
#include <vector>

namespace vgpu::soft::driver
{
namespace
{

constexpr size_t kStaged =
    64 << 10; ///< a pageable source up to this is taken at once, as drivers do

/// Bytes from the first to the last that the box covers; throws if that overflows.
size_t span(const Place &place, const Box &box)
{
    size_t rows = 0, planes = 0, total = 0;
    require(!__builtin_mul_overflow(box.height - 1, place.pitch, &rows) &&
            !__builtin_mul_overflow(box.depth - 1, place.plane, &planes) &&
            !__builtin_add_overflow(rows, planes, &total) &&
            !__builtin_add_overflow(total, box.width, &total) &&
            total <= UINT64_MAX - place.address);
    return total;
}

/// True if the side is memory that the driver knows, which stays while it is queued.
bool known(const Place &place, size_t bytes, bool written)
{
    require(place.address != 0);
    if (place.array)
        return true;
    auto allocation = machine().allocations.find(place.address);
    if (!allocation) {
        require(place.side != Side::device);
        return false;
    }
    require(place.side != Side::host || !allocation->on_device() || allocation->managed);
    require(!written || allocation->writable);
    if (machine().allocations.extent(place.address, bytes) == bytes)
        return true;
    // A pinned buffer may be the start of a larger pageable one; device memory may not be left.
    require(!allocation->on_device());
    return false;
}

char *bytes_at(const Place &place, size_t row, size_t plane)
{
    return reinterpret_cast<char *>(place.address + row * place.pitch + plane * place.plane);
}

void copy_box(const Place &to, const Place &from, const Box &box)
{
    for (size_t plane = 0; plane < box.depth; plane++)
        for (size_t row = 0; row < box.height; row++)
            memmove(bytes_at(to, row, plane), bytes_at(from, row, plane), box.width);
}

void fill_row(char *row, size_t bytes, uint32_t value, unsigned element)
{
    if (element == 1) {
        memset(row, static_cast<int>(value & 0xff), bytes);
    } else if (element == 2) {
        auto *at = reinterpret_cast<uint16_t *>(row);
        std::fill(at, at + bytes / 2, static_cast<uint16_t>(value));
    } else {
        auto *at = reinterpret_cast<uint32_t *>(row);
        std::fill(at, at + bytes / 4, value);
    }
}

/// Rows that follow each other without a gap are one long row.
void join(Box &box, std::initializer_list<Place *> places)
{
    auto all = [&](auto &&test) { return std::all_of(places.begin(), places.end(), test); };
    if (box.height > 1 && all([&](Place *place) { return place->pitch == box.width; })) {
        if (box.depth == 1 ||
            all([&](Place *place) { return place->plane == box.width * box.height; })) {
            box.width *= box.height * box.depth;
            box.height = box.depth = 1;
        }
    }
}

} // namespace

std::function<void()> prepare(std::shared_ptr<Context> context, Transfer it)
{
    if (!it.box.width || !it.box.height || !it.box.depth)
        return [] {};
    known(it.to, span(it.to, it.box), true);
    known(it.from, span(it.from, it.box), false);
    join(it.box, {&it.to, &it.from});
    return [context, it] {
        if (!context->broken())
            copy_box(it.to, it.from, it.box);
    };
}

std::function<void()> prepare_fill(std::shared_ptr<Context> context,
                                   const CUDA_MEMSET_NODE_PARAMS &it)
{
    unsigned element = it.elementSize;
    require(element == 1 || element == 2 || element == 4);
    Place to{it.dst, it.pitch, 0, Side::device};
    Box box{0, it.height};
    require(!__builtin_mul_overflow(it.width, element, &box.width));
    require(it.height <= 1 || (it.pitch >= box.width && it.pitch % element == 0));
    require(it.dst % element == 0);
    if (!box.width || !box.height)
        return [] {};
    require(known(to, span(to, box), true));
    return [context, to, box, value = it.value, element] {
        if (context->broken())
            return;
        for (size_t row = 0; row < box.height; row++)
            fill_row(bytes_at(to, row, 0), box.width, value, element);
    };
}

void copy(Stream &stream, Place to, Place from, Box box, bool synchronous)
{
    auto context = stream.context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    auto run = prepare(context, {to, from, box});
    if (synchronous)
        forbid_while_capturing(stream);
    if (!box.width || !box.height || !box.depth)
        return;
    if (!synchronous && captured(stream))
        return capture_copy(stream, {to, from, box});
    size_t to_bytes = span(to, box), from_bytes = span(from, box);
    bool row = from_bytes == box.width * box.height * box.depth;
    bool to_stays = known(to, to_bytes, true);
    bool from_stays = known(from, from_bytes, false);
    if (synchronous || !to_stays) {
        context->perform_now(stream, {run, {}});
        if (synchronous)
            context->settle();
        context->check();
    } else if (from_stays) {
        context->submit(stream, {run, {}});
    } else if (from_bytes <= kStaged && row) {
        auto source = reinterpret_cast<const char *>(from.address);
        auto staged = std::make_shared<std::vector<char>>(source, source + from_bytes);
        from.address = reinterpret_cast<uint64_t>(staged->data());
        context->submit(stream, {[context, to, from, box, staged] {
                                     if (!context->broken())
                                         copy_box(to, from, box);
                                 },
                                 {}});
    } else {
        context->perform_now(stream, {run, {}});
        context->check();
    }
}

void fill(Stream &stream, const CUDA_MEMSET_NODE_PARAMS &what, bool synchronous)
{
    auto context = stream.context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    auto run = prepare_fill(context, what);
    if (synchronous)
        forbid_while_capturing(stream);
    else if (captured(stream))
        return capture_fill(stream, what);
    // cuMemset on device memory is asynchronous to the host on a device too; the plain form waits
    // here, which no program can tell but by time.
    if (synchronous) {
        context->perform_now(stream, {run, {}});
        context->check();
    } else {
        context->submit(stream, {run, {}});
    }
}

} // namespace vgpu::soft::driver
