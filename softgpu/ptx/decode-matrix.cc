// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include "softgpu/ptx/control.h"
#include "softgpu/ptx/matrix.h"

#include <algorithm>
#include <cstdio>

// mma, wmma, ldmatrix, movmatrix. What a shape and a type allow is one row of a table, so that a
// product of compute capability 9.0 is refused by its name.
namespace vgpu::soft
{
namespace
{

struct ElementRow {
    std::string_view name;
    unsigned bits;
    std::string_view operation; ///< in the operation's name
};

constexpr ElementRow kElements[] = {
    {".f16", 16, "f16"}, {".bf16", 16, "bf16"}, {".tf32", 32, "tf32"}, {".f32", 32, "f32"},
    {".f64", 64, "f64"}, {".s32", 32, "s32"},   {".s8", 8, "b8"},      {".u8", 8, "b8"},
    {".s4", 4, "b4"},    {".u4", 4, "b4"},      {".b1", 1, "b1"},
};

const ElementRow *find_element(std::string_view name)
{
    auto found = std::find_if(std::begin(kElements), std::end(kElements),
                              [&](const ElementRow &row) { return row.name == name; });
    return found == std::end(kElements) ? nullptr : found;
}

/// A product: its factors' type, its shape, and the registers that its factors take in each lane.
struct ProductRow {
    bool wmma;
    std::string_view type;
    unsigned m, n, k;
    unsigned a, b;
};

constexpr ProductRow kProducts[] = {
    {false, "f16", 8, 8, 4, 2, 2},    {false, "f16", 16, 8, 8, 2, 1},
    {false, "f16", 16, 8, 16, 4, 2},  {false, "bf16", 16, 8, 8, 2, 1},
    {false, "bf16", 16, 8, 16, 4, 2}, {false, "tf32", 16, 8, 4, 2, 1},
    {false, "tf32", 16, 8, 8, 4, 2},  {false, "f64", 8, 8, 4, 1, 1},
    {false, "b8", 8, 8, 16, 1, 1},    {false, "b8", 16, 8, 16, 2, 1},
    {false, "b8", 16, 8, 32, 4, 2},   {false, "b4", 8, 8, 32, 1, 1},
    {false, "b4", 16, 8, 32, 2, 1},   {false, "b4", 16, 8, 64, 4, 2},
    {false, "b1", 8, 8, 128, 1, 1},   {false, "b1", 16, 8, 128, 2, 1},
    {false, "b1", 16, 8, 256, 4, 2},  {true, "f16", 16, 16, 16, 8, 8},
    {true, "f16", 32, 8, 16, 8, 8},   {true, "f16", 8, 32, 16, 8, 8},
    {true, "bf16", 16, 16, 16, 4, 4}, {true, "bf16", 32, 8, 16, 8, 2},
    {true, "bf16", 8, 32, 16, 2, 8},  {true, "tf32", 16, 16, 8, 4, 4},
    {true, "f64", 8, 8, 4, 1, 1},     {true, "b8", 16, 16, 16, 2, 2},
    {true, "b8", 32, 8, 16, 4, 1},    {true, "b8", 8, 32, 16, 1, 4},
    {true, "b4", 8, 8, 32, 1, 1},     {true, "b1", 8, 8, 128, 1, 1},
};

/// The shape that a modifier like ".m16n8k16" names; zeros if it names none.
std::array<unsigned, 3> parse_shape(std::string_view modifier)
{
    unsigned m = 0, n = 0, k = 0;
    int end = 0;
    std::string text(modifier.substr(0, 32));
    if (sscanf(text.c_str(), ".m%3un%3uk%3u%n", &m, &n, &k, &end) != 3 ||
        size_t(end) != modifier.size())
        return {};
    return {m, n, k};
}

/// What the modifiers of an instruction on matrices say.
struct MatrixText {
    std::array<unsigned, 3> shape{};
    std::vector<std::string_view> types, layouts, rest;

    bool has(std::string_view name) const
    {
        return std::find(rest.begin(), rest.end(), name) != rest.end();
    }
};

MatrixText parse_text(const syntax::Instruction &in)
{
    MatrixText text;
    for (std::string_view modifier : in.modifiers) {
        if (auto shape = parse_shape(modifier); shape[0])
            text.shape = shape;
        else if (find_element(modifier))
            text.types.push_back(modifier);
        else if (modifier == ".row" || modifier == ".col")
            text.layouts.push_back(modifier);
        else if (modifier != ".sync" && modifier != ".aligned")
            text.rest.push_back(modifier);
    }
    return text;
}

const ProductRow *find_product(bool wmma, std::string_view type,
                               const std::array<unsigned, 3> &shape)
{
    auto found = std::find_if(std::begin(kProducts), std::end(kProducts), [&](const auto &row) {
        return row.wmma == wmma && row.type == type && row.m == shape[0] && row.n == shape[1] &&
               row.k == shape[2];
    });
    return found == std::end(kProducts) ? nullptr : found;
}

FragmentShape shape_of(const ProductRow &row, MatrixPart part, const ElementRow &element,
                       bool by_column)
{
    FragmentShape shape;
    shape.part = part;
    shape.m = uint16_t(row.m);
    shape.n = uint16_t(row.n);
    shape.k = uint16_t(row.type == "b1" ? row.k / 32 : row.k);
    shape.bits = uint8_t(element.bits == 1 ? 32 : element.bits);
    unsigned packed = shape.bits >= 32 ? 1 : 32u / shape.bits;
    shape.quad_pair = !row.wmma && row.type == "f16" && row.k == 4;
    unsigned products = shape.quad_pair ? 4 : 1;
    shape.registers = uint8_t(part == MatrixPart::a   ? row.a
                              : part == MatrixPart::b ? row.b
                                                      : products * row.m * row.n / 32 / packed);
    shape.by_column = shape.quad_pair && by_column && part != MatrixPart::c;
    return shape;
}

} // namespace

/// The registers of a fragment, sources or destinations.
void Decoder::matrix_operand(const Operand &operand, const Instruction &in,
                             const FragmentShape &shape, bool writes, MatrixOperand &to)
{
    to.layout = &fragment(shape);
    bool vector = operand.kind == Operand::Kind::vector;
    if ((vector ? operand.elements.size() : 1) != shape.registers)
        fail_at(operand.at, "the matrix takes " + std::to_string(shape.registers) + " registers");
    size_t bytes = shape.bits == 64 ? 8 : 4;
    Type type = bytes == 8 ? Type::b64 : Type::b32;
    for (size_t i = 0; i < shape.registers; i++) {
        const Operand &one = vector ? operand.elements[i] : operand;
        to.slots[i] = writes ? destination(one, in, bytes) : source(one, in, type, bytes);
    }
}

/// The instruction itself, after a wait for the lanes that are elsewhere.
Inst &Decoder::emit_matrix(const Instruction &in, Handler handler,
                           std::shared_ptr<const MatrixSite> site)
{
    Slot everybody = constant(kAllLanes, 4);
    Inst &wait = emit(in, run_together);
    wait.aux = uint32_t(WarpKind::bar_warp) | kWarpNoResult;
    wait.f = everybody;
    Inst &inst = emit(in, handler);
    inst.e = Slot(code_.matrices.size());
    code_.matrices.push_back(std::move(site));
    return inst;
}

/// mma.sync and wmma.mma.sync.
void Decoder::matrix_multiply(const Instruction &in)
{
    bool wmma = in.opcode == "wmma";
    MatrixText text = parse_text(in);
    std::vector<std::string_view> types = text.types;
    // wmma.mma of f16 names the types of d and c alone.
    if (wmma && types.size() == 2)
        types = {types[0], ".f16", ".f16", types[1]};
    if (types.size() != 4 || text.layouts.size() != 2)
        unsupported(in);
    const ElementRow &d = *find_element(types[0]), &a = *find_element(types[1]);
    const ElementRow &b = *find_element(types[2]), &c = *find_element(types[3]);
    const ProductRow *row = find_product(wmma, a.operation, text.shape);
    const Operation *found =
        find_operation("mma." + std::string(d.operation) + "." + std::string(a.operation) + "." +
                       std::string(c.operation));
    if (!row || !found || a.operation != b.operation)
        unsupported(in);
    auto site = std::make_shared<MatrixSite>();
    bool integers = d.name == ".s32";
    for (std::string_view modifier : text.rest) {
        if (modifier == ".satfinite" && integers && row->type != "b1")
            site->saturate = true;
        else if (row->type == "f64" &&
                 (modifier == ".rn" || modifier == ".rm" || modifier == ".rp" || modifier == ".rz"))
            site->rounding = uint8_t(std::string_view("nmpz").find(modifier[2]));
        else if (row->type == "b1" && (modifier == ".xor" || modifier == ".and"))
            site->bits_and = modifier == ".and";
        else if (!(modifier == ".mma" && wmma) && !(modifier == ".popc" && row->type == "b1"))
            unsupported(in);
    }
    bool quad_pair = !wmma && row->type == "f16" && row->k == 4;
    bool fixed_order = !quad_pair && !(wmma && row->type != "b4" && row->type != "b1");
    if (fixed_order && (text.layouts[0] != ".row" || text.layouts[1] != ".col"))
        unsupported(in);
    need(in, 4, 4);
    site->m = uint16_t(row->m);
    site->n = uint16_t(row->n);
    site->k = uint16_t(row->type == "b1" ? row->k / 32 : row->k);
    site->products = quad_pair ? 4 : 1;
    site->a_signed = a.name[1] == 's';
    site->b_signed = b.name[1] == 's';
    auto shape = [&](MatrixPart part, const ElementRow &element, size_t layout) {
        return shape_of(*row, part, element, text.layouts[layout] == ".col");
    };
    matrix_operand(in.operands[1], in, shape(MatrixPart::a, a, 0), false, site->a);
    matrix_operand(in.operands[2], in, shape(MatrixPart::b, b, 1), false, site->b);
    matrix_operand(in.operands[3], in, shape(MatrixPart::c, c, 0), false, site->c);
    matrix_operand(in.operands[0], in, shape(MatrixPart::c, d, 0), true, site->d);
    emit_matrix(in, found->run, std::move(site));
}

/// wmma.load.{a,b,c} and wmma.store.d.
void Decoder::matrix_memory(const Instruction &in)
{
    MatrixText text = parse_text(in);
    bool stores = text.has(".store");
    auto site = std::make_shared<MatrixSite>();
    MatrixPart part = MatrixPart::c;
    for (std::string_view modifier : text.rest) {
        if (modifier == ".a" || modifier == ".b")
            part = modifier == ".a" ? MatrixPart::a : MatrixPart::b;
        else if (modifier == ".global")
            site->space = Space::global;
        else if (modifier.starts_with(".shared"))
            site->space = Space::shared;
        else if (modifier != ".load" && modifier != ".store" && modifier != ".c" &&
                 modifier != ".d")
            unsupported(in);
    }
    if (text.types.size() != 1 || text.layouts.size() != 1 || (stores && part != MatrixPart::c))
        unsupported(in);
    const ElementRow &element = *find_element(text.types[0]);
    // The accumulator's layout is the same for all products of its shape.
    auto fits = [&](const ProductRow &row) {
        bool same_type = row.type == element.operation ||
                         (part == MatrixPart::c && (element.name == ".f64") == (row.type == "f64"));
        return row.wmma && same_type && row.m == text.shape[0] && row.n == text.shape[1] &&
               row.k == text.shape[2];
    };
    auto row = std::find_if(std::begin(kProducts), std::end(kProducts), fits);
    if (row == std::end(kProducts) ||
        (part == MatrixPart::c && element.name != ".f64" && element.name != ".f32" &&
         element.name != ".f16" && element.name != ".s32"))
        unsupported(in);
    need(in, 2, 3);
    site->by_column = text.layouts[0] == ".col";
    bool small = element.bits < 8;
    if (small && site->by_column != (part == MatrixPart::b))
        unsupported(in);
    FragmentShape shape = shape_of(*row, part, element, false);
    matrix_operand(in.operands[stores ? 1 : 0], in, shape, !stores, site->d);
    Address at = address(in.operands[stores ? 0 : 1], in);
    if (at.kind != Address::Kind::slot)
        fail_at(in.at, "wmma works on global and shared memory");
    if (at.space == Space::shared)
        site->space = Space::shared;
    Slot stride = in.operands.size() > 2 ? source(in.operands[2], in, Type::b32, 4) : kNoSlot;
    site->bits = uint8_t(element.bits);
    Inst &inst = emit_matrix(in, stores ? run_matrix_store : run_matrix_load, std::move(site));
    address_into(inst, at);
    inst.b = stride;
}

void Decoder::matrix(const Instruction &in)
{
    auto names = [&](std::string_view name) {
        return !in.modifiers.empty() && in.modifiers[0] == name;
    };
    if (in.opcode == "mma" ? names(".sync") : names(".mma"))
        matrix_multiply(in);
    else if (in.opcode == "wmma" && (names(".load") || names(".store")))
        matrix_memory(in);
    else
        unsupported(in);
}

void Decoder::load_rows(const Instruction &in)
{
    auto site = std::make_shared<MatrixSite>();
    bool shape = false, type = false;
    for (std::string_view modifier : in.modifiers) {
        if (modifier == ".x1" || modifier == ".x2" || modifier == ".x4")
            site->count = uint8_t(modifier[2] - '0');
        else if (modifier == ".trans")
            site->transposed = true;
        else if (modifier == ".m8n8")
            shape = true;
        else if (modifier == ".b16")
            type = true;
        else if (modifier != ".sync" && modifier != ".aligned" && !modifier.starts_with(".shared"))
            unsupported(in);
    }
    if (!site->count || !shape || !type)
        unsupported(in);
    need(in, 2, 2);
    const Operand &to = in.operands[0];
    bool vector = to.kind == Operand::Kind::vector;
    if ((vector ? to.elements.size() : 1) != site->count)
        fail_at(to.at, "the vector has the wrong number of elements");
    for (size_t i = 0; i < site->count; i++)
        site->d.slots[i] = destination(vector ? to.elements[i] : to, in, 4);
    Address from = address(in.operands[1], in);
    if (from.kind != Address::Kind::slot)
        fail_at(in.at, "ldmatrix reads shared memory");
    Inst &inst = emit_matrix(in, run_row_load, std::move(site));
    address_into(inst, from);
}

void Decoder::transpose(const Instruction &in)
{
    static constexpr std::string_view only[] = {".sync", ".aligned", ".m8n8", ".trans", ".b16"};
    if (!std::equal(in.modifiers.begin(), in.modifiers.end(), std::begin(only), std::end(only)))
        unsupported(in);
    need(in, 2, 2);
    Slot a = source(in.operands[1], in, Type::b32, 4), d = destination(in.operands[0], in, 4);
    Inst &inst = emit_matrix(in, run_transpose, std::make_shared<MatrixSite>());
    inst.a = a;
    inst.d = d;
}

} // namespace vgpu::soft
