// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"

#include <algorithm>

// Compilers make `a[i]` of a multiplication that widens, an addition and an access. Where the
// address is read by accesses of global memory only, these compute it themselves: a row of
// neighbours is then seen by one look at the 32-bit indices, and two instructions on 64-bit lanes
// are not executed at all.
namespace vgpu::soft
{
namespace
{

constexpr uint64_t kMostScale = 0xffff;

bool has(const syntax::Instruction &in, std::string_view modifier)
{
    return std::find(in.modifiers.begin(), in.modifiers.end(), modifier) != in.modifiers.end();
}

bool is_name(const syntax::Operand &operand)
{
    return operand.kind == syntax::Operand::Kind::name && !operand.negated &&
           operand.component.empty() && operand.offset == 0;
}

bool ends_block(const syntax::Instruction &in)
{
    return in.opcode == "bra" || in.opcode == "brx" || in.opcode == "ret" || in.opcode == "exit";
}

} // namespace

/// Every appearance, also as a destination: those are taken off again.
void Decoder::count_uses()
{
    auto count = [&](auto &self, const Operand &operand, unsigned scope) -> void {
        for (const Operand &element : operand.elements)
            self(self, element, scope);
        if (!operand.name.empty())
            if (Register *reg = find_register(operand.name, scope))
                reg->uses++;
    };
    for (const Instruction &in : source_.body) {
        for (const Operand &operand : in.operands)
            count(count, operand, in.scope);
        if (!in.guard.empty())
            if (Register *guard = find_register(in.guard, in.scope))
                guard->uses++;
    }
}

void Decoder::find_indexed()
{
    count_uses();
    std::vector<char> labelled(source_.body.size() + 1);
    for (const syntax::Scope &scope : source_.scopes)
        for (auto &[name, at] : scope.labels)
            labelled[at] = true;
    std::unordered_map<const Register *, Sum> sums;
    std::unordered_map<const Register *, size_t> last; // where a register was written last
    std::unordered_map<const Register *, const Instruction *> makers;
    bool entry = true; // nothing here is executed twice
    unsigned block = 0;
    // The 64-bit register that this instruction alone writes, always.
    auto sole = [&](const Instruction &in) -> Register * {
        if (!in.guard.empty() || !is_name(in.operands[0]))
            return nullptr;
        Register *reg = find_register(in.operands[0].name, in.scope);
        bool plain = reg && reg->definitions == 1 && !reg->fixed && size_of(reg->type) == 8;
        return plain ? reg : nullptr;
    };
    // What all lanes have in common: a pointer of the launch, or a variable's address.
    auto uniform = [&](const Operand &operand, const Instruction &in) -> Register * {
        Register *reg = is_name(operand) ? find_register(operand.name, in.scope) : nullptr;
        bool common = reg && reg->fixed && size_of(reg->type) == 8 &&
                      (reg->slot & ~kOffsetMask) == kConstantBank;
        return common ? reg : nullptr;
    };
    // Whether the sum's index is still what it was made of.
    auto holds = [&](const Sum &sum) {
        if (sum.lasting)
            return true;
        auto written = last.find(sum.index);
        return sum.block == block && (written == last.end() || written->second < sum.made);
    };
    for (size_t at = 0; at < source_.body.size(); at++) {
        const Instruction &in = source_.body[at];
        if (labelled[at]) {
            entry = false;
            block++;
        }
        bool multiplies = (in.opcode == "mul" && in.operands.size() == 3) ||
                          (in.opcode == "mad" && in.operands.size() == 4);
        if (multiplies && has(in, ".wide") && (has(in, ".s32") || has(in, ".u32"))) {
            Register *result = sole(in), *base = nullptr;
            const Operand &index = in.operands[1], &scale = in.operands[2];
            Register *from = is_name(index) ? find_register(index.name, in.scope) : nullptr;
            if (in.opcode == "mad" && !(base = uniform(in.operands[3], in)))
                result = nullptr;
            if (result && from && size_of(from->type) == 4 &&
                scale.kind == Operand::Kind::integer && scale.bits - 1 < kMostScale) {
                bool steady = from->fixed || (from->definitions == 1 && last.contains(from));
                sums[result] = {.index = from,
                                .base = base,
                                .scale = uint32_t(scale.bits),
                                .sign = has(in, ".s32"),
                                .made = at,
                                .lasting = entry && steady,
                                .block = block};
                makers[result] = &in;
            }
        } else if (in.opcode == "add" && (has(in, ".s64") || has(in, ".u64")) &&
                   in.operands.size() == 3) {
            Register *address = sole(in);
            for (unsigned side = 1; address && side <= 2; side++) {
                if (!is_name(in.operands[side]))
                    continue;
                Register *base = uniform(in.operands[3 - side], in);
                auto product = sums.find(find_register(in.operands[side].name, in.scope));
                if (product == sums.end() || product->second.base || !base ||
                    !holds(product->second))
                    continue;
                Sum sum = product->second;
                sum.base = base;
                sum.taken = 0;
                sums[address] = sum;
                makers[address] = &in;
                break;
            }
        } else if ((in.opcode == "ld" || in.opcode == "st") && has(in, ".global") &&
                   in.operands.size() == 2) {
            const Operand &where = in.operands[in.opcode == "ld" ? 1 : 0];
            Register *address = where.kind == Operand::Kind::memory && !where.name.empty()
                                    ? find_register(where.name, in.scope)
                                    : nullptr;
            auto sum = sums.find(address);
            if (address && sum != sums.end() && sum->second.base && holds(sum->second) &&
                where.offset == int32_t(where.offset)) {
                indexed_[&in] = sum->second;
                sum->second.taken++;
            }
        }
        if (!in.operands.empty()) {
            auto wrote = [&](auto &self, const Operand &operand) -> void {
                for (const Operand &element : operand.elements)
                    self(self, element);
                if (!operand.name.empty())
                    if (Register *reg = find_register(operand.name, in.scope))
                        last[reg] = at;
            };
            if (in.opcode == "call")
                for (const Operand &operand : in.operands)
                    wrote(wrote, operand);
            else
                wrote(wrote, in.operands[0]);
        }
        if (ends_block(in))
            block++;
    }
    // Sums first: a product is read by sums.
    for (bool products : {false, true})
        for (auto &[reg, sum] : sums) {
            if (bool(sum.base) == products || sum.taken == 0 || reg->uses != sum.taken + 1)
                continue;
            const Instruction *maker = makers[reg];
            spared_.insert(maker);
            if (sum.base)
                for (const Operand &operand : maker->operands)
                    if (auto factor = sums.find(find_register(operand.name, maker->scope));
                        factor != sums.end() && !factor->second.base)
                        factor->second.taken++;
        }
}

const Decoder::Sum *Decoder::index_of(const Instruction &in) const
{
    auto found = indexed_.find(&in);
    return found == indexed_.end() ? nullptr : &found->second;
}

/// Fills in what IndexedSpace reads (memory-lanes.h).
void Decoder::index_into(Inst &inst, const Sum &sum, int64_t offset)
{
    Slot base = slot_of(*sum.base);
    inst.a = slot_of(*sum.index);
    inst.imm = int64_t(uint64_t(base) << 32 | uint32_t(int32_t(offset)));
    inst.aux = sum.scale << 16 | (sum.sign ? kSignedIndex : 0);
    inst.f = span_++ & 255;
}

} // namespace vgpu::soft
