// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"
#include "softgpu/ptx/texture-site.h"

#include <algorithm>

// tex, tld4, txq, suld, sust, sured, suq, by texture and surface objects.
namespace vgpu::soft
{
namespace
{

struct Geometry {
    std::string_view name;
    uint8_t dimensions; ///< coordinates, without the layer
    bool layered;
    bool cube;
};

constexpr Geometry kGeometries[] = {
    {".1d", 1, false, false},  {".2d", 2, false, false}, {".3d", 3, false, false},
    {".a1d", 1, true, false},  {".a2d", 2, true, false}, {".cube", 3, false, true},
    {".acube", 3, true, true},
};

const Geometry *find_geometry(const syntax::Instruction &in)
{
    for (std::string_view modifier : in.modifiers)
        for (const Geometry &one : kGeometries)
            if (one.name == modifier)
                return &one;
    return nullptr;
}

template<class T, size_t N>
const T *choose(const std::pair<std::string_view, T> (&rows)[N], std::string_view name)
{
    for (auto &[text, value] : rows)
        if (text == name)
            return &value;
    return nullptr;
}

constexpr std::pair<std::string_view, TextureQuery> kQueries[] = {
    {".width", TextureQuery::width},
    {".height", TextureQuery::height},
    {".depth", TextureQuery::depth},
    {".array_size", TextureQuery::layers},
    {".num_mipmap_levels", TextureQuery::levels},
};

constexpr std::pair<std::string_view, TextureKind> kKinds[] = {
    {".base", TextureKind::base},
    {".level", TextureKind::level},
    {".grad", TextureKind::gradients},
};

constexpr std::pair<std::string_view, OutOfBounds> kBounds[] = {
    {".trap", OutOfBounds::trap},
    {".clamp", OutOfBounds::clamp},
    {".zero", OutOfBounds::zero},
};

constexpr std::pair<std::string_view, SurfaceKind> kReductions[] = {
    {".add", SurfaceKind::add},       {".min", SurfaceKind::min},     {".max", SurfaceKind::max},
    {".and", SurfaceKind::logic_and}, {".or", SurfaceKind::logic_or},
};

} // namespace

/// [object, {layer, x, y, z}] or [object, x]. nvcc fills a vector of three up to four.
void Decoder::texture_place(const Operand &operand, const Instruction &in, unsigned dimensions,
                            bool layered, Type type, TextureSite &site)
{
    if (operand.kind != Operand::Kind::memory || operand.elements.size() != 1 || operand.offset)
        fail_at(operand.at, "an object and coordinates in [] are needed here");
    Operand object = operand;
    object.kind = Operand::Kind::name;
    object.elements.clear();
    if (!find_register(object.name, in.scope))
        fail_at(operand.at, "texture and surface references are not supported, only objects");
    site.object = source(object, in, Type::b64, 8);
    const Operand &place = operand.elements[0];
    std::vector<const Operand *> parts;
    if (place.kind == Operand::Kind::vector)
        for (const Operand &element : place.elements)
            parts.push_back(&element);
    else
        parts.push_back(&place);
    size_t wanted = dimensions + layered;
    if (parts.size() != wanted && !(wanted == 3 && parts.size() == 4))
        fail_at(place.at, "the wrong number of coordinates");
    size_t next = 0;
    if (layered)
        site.layer = source(*parts[next++], in, Type::u32, 4);
    for (unsigned i = 0; i < dimensions; i++)
        site.at[i] = source(*parts[next++], in, type, 4);
    site.layered = layered;
    site.dimensions = uint8_t(dimensions);
}

Inst &Decoder::emit_texture(const Instruction &in, Handler handler, const TextureSite &site)
{
    Inst &inst = emit(in, handler);
    inst.e = Slot(code_.textures.size());
    code_.textures.push_back(std::make_shared<TextureSite>(site));
    return inst;
}

/// The registers of a result or of what is stored; `_` is none.
void Decoder::texture_values(const Operand &operand, const Instruction &in, Type type, size_t count,
                             bool writes, TextureSite &site)
{
    bool vector = operand.kind == Operand::Kind::vector;
    if ((vector ? operand.elements.size() : 1) != count)
        fail_at(operand.at, "the vector has the wrong number of elements");
    site.count = uint8_t(count);
    size_t bytes = std::max<size_t>(2, size_of(type));
    for (size_t i = 0; i < count; i++) {
        const Operand &one = vector ? operand.elements[i] : operand;
        site.values[i] =
            writes ? destination_or_none(one, in, bytes) : source(one, in, type, bytes);
    }
}

void Decoder::texture(const Instruction &in)
{
    const Geometry *geometry = find_geometry(in);
    TextureSite site;
    bool gathers = in.opcode == "tld4";
    std::vector<Type> types;
    size_t count = 1;
    for (std::string_view modifier : in.modifiers) {
        if (auto type = parse_type(modifier))
            types.push_back(*type);
        else if (const auto *kind = choose(kKinds, modifier); kind && !gathers)
            site.kind = *kind;
        else if (modifier == ".v4")
            count = 4;
        else if (size_t component = std::string_view("rgba").find(modifier.substr(1));
                 gathers && modifier.size() == 2 && component != std::string_view::npos) {
            site.component = uint8_t(component);
            site.kind = TextureKind::gather;
        } else if (!geometry || modifier != geometry->name)
            unsupported(in);
    }
    bool to_words = types.size() == 2 && size_of(types[0]) == 4 && types[0] != Type::f16x2;
    if (!geometry || count != 4 || !to_words || (types[1] != Type::f32 && types[1] != Type::s32) ||
        (gathers && (site.kind != TextureKind::gather || geometry->dimensions == 1 ||
                     geometry->name == ".3d")))
        unsupported(in);
    site.by_texel = types[1] == Type::s32;
    bool explicit_level = site.kind == TextureKind::level || site.kind == TextureKind::gradients;
    if (site.by_texel && (explicit_level || gathers || geometry->cube))
        unsupported(in);
    size_t operands = site.kind == TextureKind::level       ? 3
                      : site.kind == TextureKind::gradients ? 4
                                                            : 2;
    if (in.operands.size() > operands)
        fail_at(in.operands[operands].at, "offsets of texels and comparisons of depth are not "
                                          "supported (" +
                                              std::string(in.opcode) + ")");
    need(in, operands, operands);
    texture_place(in.operands[1], in, geometry->dimensions, geometry->layered, types[1], site);
    if (site.kind == TextureKind::level)
        site.level = source(in.operands[2], in, Type::f32, 4);
    if (site.kind == TextureKind::gradients)
        for (size_t which = 0; which < 2; which++) {
            const Operand &gradient = in.operands[2 + which];
            bool vector = gradient.kind == Operand::Kind::vector;
            size_t given = vector ? gradient.elements.size() : 1;
            if (given < geometry->dimensions)
                fail_at(gradient.at, "the gradient has too few elements");
            for (size_t i = 0; i < geometry->dimensions; i++)
                (which ? site.dy : site.dx)[i] =
                    source(vector ? gradient.elements[i] : gradient, in, Type::f32, 4);
        }
    const Operand *to = &in.operands[0];
    if (to->kind == Operand::Kind::pair) {
        site.predicate = destination_or_none(to->elements[1], in, 0);
        to = &to->elements[0];
    }
    texture_values(*to, in, types[0], 4, true, site);
    emit_texture(in, run_texture, site);
}

/// txq and suq.
void Decoder::texture_query(const Instruction &in)
{
    TextureSite site;
    site.kind = TextureKind::query;
    site.of_surface = in.opcode == "suq";
    bool by_level = false, known = false;
    for (std::string_view modifier : in.modifiers) {
        if (const auto *query = choose(kQueries, modifier)) {
            site.query = *query;
            known = true;
        } else if (modifier == ".level" && !site.of_surface)
            by_level = true;
        else if (modifier != ".b32")
            unsupported(in);
    }
    if (!known)
        unsupported(in);
    need(in, by_level ? 3 : 2, by_level ? 3 : 2);
    Operand object = in.operands[1];
    if (object.kind != Operand::Kind::memory || !object.elements.empty() || object.offset)
        fail_at(object.at, "an object in [] is needed here");
    object.kind = Operand::Kind::name;
    if (!find_register(object.name, in.scope))
        fail_at(object.at, "texture and surface references are not supported, only objects");
    site.object = source(object, in, Type::b64, 8);
    if (by_level)
        site.level = source(in.operands[2], in, Type::b32, 4);
    texture_values(in.operands[0], in, Type::b32, 1, true, site);
    emit_texture(in, run_texture_query, site);
}

/// suld, sust and sured of bytes (.b). The formatted ones (.p) are OpenCL's.
void Decoder::surface(const Instruction &in)
{
    const Geometry *geometry = find_geometry(in);
    TextureSite site;
    site.of_surface = true;
    site.surface = in.opcode == "suld" ? SurfaceKind::load : SurfaceKind::store;
    bool reduces = in.opcode == "sured", operation = false, bytes = false;
    size_t count = 1;
    for (std::string_view modifier : in.modifiers) {
        if (auto type = parse_type(modifier))
            site.type = *type;
        else if (const auto *bounds = choose(kBounds, modifier))
            site.outside = *bounds;
        else if (modifier == ".v2" || modifier == ".v4")
            count = modifier == ".v2" ? 2 : 4;
        else if (modifier == ".b")
            bytes = true;
        else if (const auto *reduction = choose(kReductions, modifier); reduction && reduces) {
            site.surface = *reduction;
            operation = true;
        } else if (modifier != ".ca" && modifier != ".cg" && modifier != ".cs" &&
                   modifier != ".cv" && modifier != ".wb" && modifier != ".wt" &&
                   (!geometry || modifier != geometry->name))
            unsupported(in);
    }
    size_t size = size_of(site.type);
    if (!geometry || geometry->cube || !bytes || size == 0 || size * count > 16 ||
        reduces != operation || (reduces && (count != 1 || size < 4 || is_float(site.type))))
        unsupported(in);
    need(in, 2, 2);
    bool loads = in.opcode == "suld";
    texture_place(in.operands[loads ? 1 : 0], in, geometry->dimensions, geometry->layered,
                  Type::s32, site);
    texture_values(in.operands[loads ? 0 : 1], in, site.type, count, loads, site);
    emit_texture(in, run_surface, site);
}

} // namespace vgpu::soft
