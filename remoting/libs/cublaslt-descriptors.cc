// SPDX-License-Identifier: Apache-2.0
#include "remoting/libs/cublaslt-descriptors.h"

#include <cstdio>
#include <cstdlib>
#include <initializer_list>

#define ENTRY extern "C" __attribute__((visibility("default")))

namespace vgpu::cublaslt
{
namespace
{

using lt::Kind;

// `made`: what the maker was given, the table's first rows unless it says which.
struct Given {
    size_t row;
    int64_t value;
};

int init(Kind kind, void *descriptor, size_t room, std::initializer_list<Given> given)
{
    size_t bytes = lt::bytes_of(kind);
    if (!descriptor)
        return kInvalid;
    if (room < bytes)
        return kAllocFailed;
    auto *data = static_cast<std::byte *>(descriptor);
    std::memset(data, 0, bytes);
    auto rows = lt::attributes(kind);
    for (const lt::Attribute &one : rows)
        std::memcpy(data + one.at, &one.initial, one.bytes);
    for (const Given &one : given)
        std::memcpy(data + rows[one.row].at, &one.value, rows[one.row].bytes);
    return 0;
}

int create(Kind kind, void **descriptor, std::initializer_list<Given> given)
{
    if (!descriptor)
        return kInvalid;
    *descriptor = std::calloc(1, lt::bytes_of(kind));
    return *descriptor ? init(kind, *descriptor, lt::bytes_of(kind), given) : int(kAllocFailed);
}

int destroy(void *descriptor)
{
    std::free(descriptor);
    return 0;
}

int set(Kind kind, void *descriptor, int number, const void *from, size_t bytes)
{
    const lt::Attribute *one = lt::find(kind, uint32_t(number));
    if (!descriptor || !from || !one || bytes != one->bytes)
        return kInvalid;
    // A descriptor that another one points to: it is not carried.
    if (void *nothing = nullptr;
        one->type == lt::Attribute::descriptor && std::memcmp(from, &nothing, sizeof nothing) != 0)
        return kUnsupported;
    auto *data = static_cast<std::byte *>(descriptor);
    std::memcpy(data + one->at, from, bytes);
    uint64_t set;
    std::memcpy(&set, data, sizeof set);
    set |= uint64_t(1) << (one - lt::attributes(kind).data());
    std::memcpy(data, &set, sizeof set);
    return 0;
}

int get(Kind kind, const void *descriptor, int number, void *to, size_t bytes, size_t *written)
{
    const lt::Attribute *one = lt::find(kind, uint32_t(number));
    if (!descriptor || !one || (bytes ? !to || bytes != one->bytes : !written))
        return kInvalid;
    if (bytes)
        std::memcpy(to, data_of(descriptor) + one->at, bytes);
    if (written)
        *written = one->bytes;
    return 0;
}

} // namespace

std::string text_of(lt::Kind kind, const void *descriptor)
{
    if (!descriptor)
        return "null";
    std::string text = "[";
    for (const lt::Attribute &one : lt::attributes(kind)) {
        int64_t value = lt::value_of(data_of(descriptor), one);
        if (value == one.initial)
            continue;
        char line[64];
        snprintf(line, sizeof line,
                 one.type == lt::Attribute::pointer ? "%s%u=0x%llx" : "%s%u=%lld",
                 text.size() > 1 ? "," : "", one.number, (long long)value);
        text += line;
    }
    return text + "]";
}

} // namespace vgpu::cublaslt

using namespace vgpu::cublaslt;

#define DESCRIPTOR(name, kind)                                                                     \
    ENTRY int cublasLt##name##Destroy(void *descriptor)                                            \
    {                                                                                              \
        return destroy(descriptor);                                                                \
    }                                                                                              \
    ENTRY int cublasLt##name##SetAttribute(void *descriptor, int number, const void *from,         \
                                           size_t bytes)                                           \
    {                                                                                              \
        return set(Kind::kind, descriptor, number, from, bytes);                                   \
    }                                                                                              \
    ENTRY int cublasLt##name##GetAttribute(const void *descriptor, int number, void *to,           \
                                           size_t bytes, size_t *written)                          \
    {                                                                                              \
        return get(Kind::kind, descriptor, number, to, bytes, written);                            \
    }
DESCRIPTOR(MatmulDesc, matmul)
DESCRIPTOR(MatrixLayout, layout)
DESCRIPTOR(MatrixTransformDesc, transform)
DESCRIPTOR(EmulationDesc, emulation)
DESCRIPTOR(MatmulPreference, preference)

ENTRY int cublasLtMatmulDescInit_internal(void *descriptor, size_t room, int compute, int scale)
{
    return init(Kind::matmul, descriptor, room, {{0, compute}, {1, scale}});
}

ENTRY int cublasLtMatmulDescCreate(void **descriptor, int compute, int scale)
{
    return create(Kind::matmul, descriptor, {{0, compute}, {1, scale}});
}

ENTRY int cublasLtMatrixLayoutInit_internal(void *descriptor, size_t room, int type, uint64_t rows,
                                            uint64_t columns, int64_t ld)
{
    return init(Kind::layout, descriptor, room,
                {{0, type}, {2, int64_t(rows)}, {3, int64_t(columns)}, {4, ld}});
}

ENTRY int cublasLtMatrixLayoutCreate(void **descriptor, int type, uint64_t rows, uint64_t columns,
                                     int64_t ld)
{
    return create(Kind::layout, descriptor,
                  {{0, type}, {2, int64_t(rows)}, {3, int64_t(columns)}, {4, ld}});
}

ENTRY int cublasLtMatrixTransformDescInit_internal(void *descriptor, size_t room, int scale)
{
    return init(Kind::transform, descriptor, room, {{0, scale}});
}

ENTRY int cublasLtMatrixTransformDescCreate(void **descriptor, int scale)
{
    return create(Kind::transform, descriptor, {{0, scale}});
}

ENTRY int cublasLtEmulationDescInit_internal(void *descriptor, size_t room)
{
    return init(Kind::emulation, descriptor, room, {});
}

ENTRY int cublasLtEmulationDescCreate(void **descriptor)
{
    return create(Kind::emulation, descriptor, {});
}

ENTRY int cublasLtMatmulPreferenceInit_internal(void *descriptor, size_t room)
{
    return init(Kind::preference, descriptor, room, {});
}

ENTRY int cublasLtMatmulPreferenceCreate(void **descriptor)
{
    return create(Kind::preference, descriptor, {});
}
