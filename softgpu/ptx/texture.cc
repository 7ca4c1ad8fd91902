// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/texture-site.h"

#include "softgpu/ptx/machine.h"
#include "softgpu/ptx/sample.h"

#include <algorithm>
#include <bit>
#include <cstring>

// tex, tld4, txq, suld, sust, sured: objects are looked up once a launch and core, and held until
// the launch ends.
namespace vgpu::soft
{
namespace
{

const TextureSite &site_of(const Warp &warp, const Inst *inst)
{
    return *warp.frame->code->textures[inst->e];
}

[[noreturn]] void no_object(Warp &warp, const Inst *inst, unsigned lane, const char *what,
                            uint64_t object)
{
    char text[80];
    snprintf(text, sizeof text, "no %s object 0x%llx", what, (unsigned long long)object);
    raise_fault(warp, inst, lane, Fault::Kind::illegal_address, text);
}

/// Memory of the application may have been freed since the object was made.
void check_memory(Warp &warp, const Inst *inst, unsigned lane, const Image &image)
{
    for (const ImageLevel &level : image.levels) {
        auto first = reinterpret_cast<uint64_t>(level.data);
        uint64_t bytes = uint64_t(level.depth - 1) * level.slice +
                         uint64_t(level.height - 1) * level.pitch +
                         uint64_t(level.width) * image.element_bytes();
        resolve(warp, inst, lane, first, bytes, 1, false);
    }
}

template<class T, class F>
const T &find_object(std::vector<std::pair<uint64_t, std::shared_ptr<const T>>> &known,
                     uint64_t object, F ask)
{
    for (auto &[handle, found] : known)
        if (handle == object)
            return *found;
    known.emplace_back(object, ask());
    return *known.back().second;
}

const Texture &texture_of(Warp &warp, const Inst *inst, unsigned lane, uint64_t object)
{
    Core &core = *warp.block->core;
    return find_object(core.textures, object, [&] {
        auto texture = core.grid.host.texture(object);
        if (!texture || texture->image.levels.empty())
            no_object(warp, inst, lane, "texture", object);
        if (texture->image.device_memory)
            check_memory(warp, inst, lane, texture->image);
        return texture;
    });
}

const Image &surface_of(Warp &warp, const Inst *inst, unsigned lane, uint64_t object)
{
    Core &core = *warp.block->core;
    return find_object(core.surfaces, object, [&] {
        auto surface = core.grid.host.surface(object);
        if (!surface || surface->levels.empty())
            no_object(warp, inst, lane, "surface", object);
        return surface;
    });
}

uint64_t object_of(Warp &warp, const TextureSite &site, unsigned lane)
{
    return lanes<uint64_t>(warp, site.object)[lane];
}

void read_vector(Warp &warp, const std::array<Slot, 3> &slots, unsigned lane,
                 std::array<float, 3> &to)
{
    for (unsigned i = 0; i < 3; i++)
        if (slots[i] != kNoSlot)
            to[i] = lanes<float>(warp, slots[i])[lane];
}

/// sured: one read-modify-write of a T.
template<class T>
void reduce(SurfaceKind kind, std::byte *at, uint64_t operand)
{
    auto *place = reinterpret_cast<T *>(at);
    T value = T(operand), old = __atomic_load_n(place, __ATOMIC_RELAXED), next;
    do {
        using Bits = std::make_unsigned_t<T>;
        next = kind == SurfaceKind::add         ? T(Bits(old) + Bits(value))
               : kind == SurfaceKind::min       ? std::min(old, value)
               : kind == SurfaceKind::max       ? std::max(old, value)
               : kind == SurfaceKind::logic_and ? T(old & value)
                                                : T(old | value);
    } while (
        !__atomic_compare_exchange_n(place, &old, next, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED));
}

/// One lane's place on a surface: `x` counts bytes. Null if it is outside and reads as zero.
std::byte *surface_place(Warp &warp, const Inst *inst, unsigned lane, const TextureSite &site,
                         const Image &image, int64_t bytes)
{
    const ImageLevel &level = image.levels[0];
    int64_t at[3] = {0, 0, 0};
    for (unsigned i = 0; i < site.dimensions; i++)
        at[i] = lanes<int32_t>(warp, site.at[i])[lane];
    if (site.layered)
        at[2] = lanes<int32_t>(warp, site.layer)[lane];
    int64_t row = int64_t(level.width) * int64_t(image.element_bytes());
    int64_t end[3] = {row - bytes, int64_t(level.height) - 1, int64_t(level.depth) - 1};
    bool inside = end[0] >= 0;
    for (unsigned i = 0; i < 3; i++)
        inside = inside && at[i] >= 0 && at[i] <= end[i];
    if (!inside && site.outside == OutOfBounds::trap)
        raise_fault(warp, inst, lane, Fault::Kind::trap,
                    "surface access out of bounds at (" + std::to_string(at[0]) + " bytes, " +
                        std::to_string(at[1]) + ", " + std::to_string(at[2]) + ")");
    if (end[0] < 0 || (!inside && site.outside == OutOfBounds::zero))
        return nullptr;
    for (unsigned i = 0; i < 3; i++)
        at[i] = std::clamp<int64_t>(at[i], 0, end[i]);
    if (!inside)
        at[0] = at[0] / bytes * bytes;
    if (at[0] % bytes != 0)
        raise_fault(warp, inst, lane, Fault::Kind::misaligned_address,
                    "misaligned surface access at byte " + std::to_string(at[0]) + " of a row");
    return level.data + uint64_t(at[2]) * level.slice + uint64_t(at[1]) * level.pitch + at[0];
}

} // namespace

const Inst *run_texture(Warp &warp, const Inst *inst)
{
    const TextureSite &site = site_of(warp, inst);
    each_lane(warp.active, [&](unsigned lane) {
        const Texture &texture = texture_of(warp, inst, lane, object_of(warp, site, lane));
        Lookup lookup;
        lookup.by_texel = site.by_texel;
        for (unsigned i = 0; i < 3; i++)
            if (site.at[i] != kNoSlot) {
                lookup.at[i] = lanes<float>(warp, site.at[i])[lane];
                lookup.texel[i] = lanes<int32_t>(warp, site.at[i])[lane];
            }
        if (site.layered)
            lookup.layer = uint32_t(std::max(0, lanes<int32_t>(warp, site.layer)[lane]));
        if (site.kind == TextureKind::level)
            lookup.level = lanes<float>(warp, site.level)[lane];
        if (site.kind == TextureKind::gradients) {
            std::array<float, 3> dx{}, dy{};
            read_vector(warp, site.dx, lane, dx);
            read_vector(warp, site.dy, lane, dy);
            lookup.level = level_of_gradients(texture.image, dx, dy);
        }
        Texel texel = site.kind == TextureKind::gather ? gather(texture, lookup, site.component)
                                                       : sample(texture, lookup);
        for (unsigned i = 0; i < 4; i++)
            if (site.values[i] != kNoSlot)
                lanes<uint32_t>(warp, site.values[i])[lane] = texel[i];
    });
    if (site.predicate != kNoSlot) // all memory is resident
        *lanes<uint32_t>(warp, site.predicate) |= warp.active;
    return inst + 1;
}

const Inst *run_texture_query(Warp &warp, const Inst *inst)
{
    const TextureSite &site = site_of(warp, inst);
    each_lane(warp.active, [&](unsigned lane) {
        uint64_t object = object_of(warp, site, lane);
        const Image &image = site.of_surface ? surface_of(warp, inst, lane, object)
                                             : texture_of(warp, inst, lane, object).image;
        size_t index = 0;
        if (site.level != kNoSlot)
            index =
                std::min<size_t>(lanes<uint32_t>(warp, site.level)[lane], image.levels.size() - 1);
        const ImageLevel &level = image.levels[index];
        uint32_t per_layer = slices_of_layer(image.shape);
        uint32_t answer = 0;
        switch (site.query) {
        case TextureQuery::width:
            answer = level.width;
            break;
        case TextureQuery::height:
            answer = level.height;
            break;
        case TextureQuery::depth:
            answer = per_layer ? 1 : level.depth;
            break;
        case TextureQuery::layers:
            answer = per_layer ? level.depth / per_layer : 0;
            break;
        case TextureQuery::levels:
            answer = uint32_t(image.levels.size());
            break;
        }
        lanes<uint32_t>(warp, site.values[0])[lane] = answer;
    });
    return inst + 1;
}

const Inst *run_surface(Warp &warp, const Inst *inst)
{
    const TextureSite &site = site_of(warp, inst);
    size_t element = size_of(site.type), bytes = element * site.count;
    size_t register_bytes = std::max<size_t>(2, element);
    each_lane(warp.active, [&](unsigned lane) {
        const Image &image = surface_of(warp, inst, lane, object_of(warp, site, lane));
        std::byte *at = surface_place(warp, inst, lane, site, image, int64_t(bytes));
        for (unsigned i = 0; i < site.count; i++) {
            if (site.values[i] == kNoSlot)
                continue;
            auto *value = lanes<std::byte>(warp, site.values[i]) + lane * register_bytes;
            std::byte *memory = at ? at + i * element : nullptr;
            switch (site.surface) {
            case SurfaceKind::load:
                std::memset(value, 0, register_bytes);
                if (memory)
                    std::memcpy(value, memory, element);
                break;
            case SurfaceKind::store:
                if (memory)
                    std::memcpy(memory, value, element);
                break;
            default: {
                if (!memory)
                    break;
                uint64_t operand = 0;
                std::memcpy(&operand, value, element);
                if (site.type == Type::s32)
                    reduce<int32_t>(site.surface, memory, operand);
                else if (element == 4)
                    reduce<uint32_t>(site.surface, memory, operand);
                else if (site.type == Type::s64)
                    reduce<int64_t>(site.surface, memory, operand);
                else
                    reduce<uint64_t>(site.surface, memory, operand);
            }
            }
        }
    });
    return inst + 1;
}

} // namespace vgpu::soft
