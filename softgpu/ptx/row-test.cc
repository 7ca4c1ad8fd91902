// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/row-test.h"
#include "softgpu/ptx/row-coverage.h"
#include "softgpu/ptx/row-real.h"
#include "softgpu/ptx/test-machine.h"

#include <cstring>
#include <random>

// Walks the operation tables: every form of every row, on edge values and random ones, in full and
// in partial warps, with the handlers of every instruction set.
namespace vgpu::soft
{
namespace
{

using namespace rows;

/// One lane's input as the kernel reads it, and its output.
struct Item {
    uint64_t in[4] = {};
    uint64_t carry = 0, guard = 1, preset = 0;
};
struct Output {
    uint64_t value = 0, second = 0;
};

std::vector<uint64_t> integer_edges(unsigned width)
{
    std::vector<uint64_t> edges;
    for (int64_t small :
         {0,  1,  2,  3,   5,   7,   8,   15,     16,     17,     24, 31, 32, 33,  47,
          63, 64, 65, 127, 128, 255, 256, 0x3210, 0x7531, 0xfedc, -1, -2, -7, -32, -128})
        edges.push_back(uint64_t(small));
    uint64_t top = uint64_t(1) << (width - 1);
    for (uint64_t value :
         {top, top - 1, top + 1, top | 1 << 3, top >> 1, uint64_t(0x00ff00ff00ff00ff),
          uint64_t(0x5a5a5a5a5a5a5a5a), uint64_t(0x8000800080008000), uint64_t(0x7fff8000ffff0001),
          uint64_t(0x123456789abcdef0), uint64_t(0x00800000), uint64_t(0xff7fffff),
          uint64_t(0xffffffff)})
        edges.push_back(value);
    return edges;
}

std::vector<uint64_t> float_edges(Binary f)
{
    std::vector<uint64_t> edges;
    uint64_t one = uint64_t((1 << (f.exponent - 1)) - 1) << f.mantissa, unit = 1;
    uint64_t ulp = uint64_t(1) << f.mantissa;
    for (uint64_t magnitude : std::initializer_list<uint64_t>{uint64_t(0),
                                                              unit,
                                                              unit * 3,
                                                              ulp / 2,
                                                              ulp - 1,
                                                              ulp,
                                                              ulp + 1,
                                                              ulp * 2,
                                                              one,
                                                              one + 1,
                                                              one - 1,
                                                              one + ulp / 2,
                                                              one + ulp,
                                                              one + ulp + ulp / 2,
                                                              one - ulp,
                                                              one - ulp - ulp / 2,
                                                              one + ulp + ulp / 4,
                                                              one + 3 * ulp + 3,
                                                              one - ulp * 3 + 5,
                                                              one + (f.mantissa - 1ull) * ulp + 1,
                                                              one + f.mantissa * ulp + 1,
                                                              one + f.mantissa * ulp - 1,
                                                              one + (f.mantissa + 1ull) * ulp - 1,
                                                              one - uint64_t(f.mantissa) * ulp,
                                                              one - (f.mantissa + 1ull) * ulp,
                                                              f.infinity() - 1,
                                                              f.infinity() - ulp,
                                                              f.infinity() - ulp - 1,
                                                              f.infinity(),
                                                              f.infinity() | ulp / 2,
                                                              f.infinity() | 1,
                                                              f.sign() - 1,
                                                              one + ulp / 3,
                                                              one - ulp / 3,
                                                              one + ulp * 2 + ulp / 7,
                                                              one + ulp * 3 + ulp * 3 / 4}) {
        edges.push_back(magnitude);
        edges.push_back(magnitude | f.sign());
    }
    // Around the ranges of the integer types.
    for (int power : {7, 8, 15, 16, 31, 32, 63, 64})
        for (int delta : {-1, 0, 1})
            if (uint64_t(power) < (1u << (f.exponent - 1))) {
                uint64_t near = one + uint64_t(power) * ulp + uint64_t(int64_t(delta));
                edges.push_back(near);
                edges.push_back(near | f.sign());
            }
    return edges;
}

/// Operands of one width, of one kind.
class Values
{
public:
    Values(char letter, Type floating)
        : width_(letter == 'h'   ? 16
                 : letter == 'w' ? 32
                 : letter == 'x' ? 64
                                 : 1)
    {
        bool pair = floating == Type::f16x2 || floating == Type::bf16x2;
        if (width_ == 1) {
            edges_ = {0, 1};
        } else if (floating != Type::none && size_of(floating) * 8 == width_) {
            format_ = format_of(floating);
            edges_ = float_edges(format_);
            if (pair) {
                // Each half from the list, not the same in both.
                std::vector<uint64_t> both;
                for (size_t i = 0; i < edges_.size(); i++)
                    both.push_back(edges_[i] | edges_[(i * 7 + 3) % edges_.size()] << 16);
                edges_ = both;
            }
        } else {
            edges_ = integer_edges(width_);
        }
        for (uint64_t &edge : edges_)
            edge &= width_ == 64 ? ~uint64_t(0) : (uint64_t(1) << width_) - 1;
    }

    const std::vector<uint64_t> &edges() const { return edges_; }
    uint64_t any(std::mt19937_64 &random) const
    {
        if (random() % 4 != 0 || width_ == 1)
            return edges_[random() % edges_.size()];
        uint64_t bits = random() >> (64 - width_);
        // Half of the random reals have a magnitude near one, where arithmetic is interesting.
        if (format_.mantissa && width_ == format_.width() && random() % 2) {
            uint64_t one = uint64_t((1 << (format_.exponent - 1)) - 1) << format_.mantissa;
            uint64_t mantissa = (uint64_t(1) << format_.mantissa) - 1;
            uint64_t exponent = one + ((random() % 16) - 8) * (mantissa + 1);
            bits = (bits & (format_.sign() | mantissa)) | (exponent & format_.infinity());
        }
        return bits;
    }

private:
    unsigned width_;
    Binary format_{0, 0};
    std::vector<uint64_t> edges_;
};

class Rows : public TestMachine
{
protected:
    void TearDown() override { choose_isa(can_run(Isa::avx2) ? Isa::avx2 : Isa::baseline); }

    static std::vector<Item> items(const std::string &signature, const Reference &reference)
    {
        std::mt19937_64 random(signature.size() * 7919 + size_t(reference.floating));
        std::vector<Values> sources;
        for (size_t i = 1; i < signature.size(); i++)
            sources.emplace_back(signature[i], reference.floating);
        std::vector<Item> all;
        if (sources.size() == 1)
            for (uint64_t a : sources[0].edges())
                all.push_back({{a}});
        if (sources.size() == 2)
            for (uint64_t a : sources[0].edges())
                for (uint64_t b : sources[1].edges())
                    if (all.size() < 1500 || random() % 8 == 0)
                        all.push_back({{a, b}});
        size_t more = sources.size() == 1 ? 200 : sources.size() == 2 ? 500 : 2000;
        for (size_t i = 0; i < more; i++) {
            Item item;
            for (size_t s = 0; s < sources.size(); s++)
                item.in[s] = sources[s].any(random);
            all.push_back(item);
        }
        while (all.size() % 32)
            all.push_back(all[random() % all.size()]);
        std::shuffle(all.begin(), all.end(), random);
        for (size_t i = 0; i < all.size(); i++) {
            all[i].carry = random() & 1;
            all[i].guard = i / 32 % 4 != 3 || (random() & 1);
            all[i].preset = random();
        }
        return all;
    }

    static std::string reg(char letter, unsigned number)
    {
        const char *name = letter == 'p'   ? "%q"
                           : letter == 'h' ? "%h"
                           : letter == 'w' ? "%r"
                                           : "%d";
        return name + std::to_string(number);
    }
    static std::string load(char letter, unsigned number, const std::string &from)
    {
        if (letter == 'p')
            return "ld.global.u64 %d80, [" + from + "]; and.b64 %d80, %d80, 1; setp.ne.u64 " +
                   reg('p', number) + ", %d80, 0;\n";
        const char *type = letter == 'h' ? "b16 " : letter == 'w' ? "b32 " : "b64 ";
        return std::string("ld.global.") + type + reg(letter, number) + ", [" + from + "];\n";
    }
    static std::string store(char letter, unsigned number, const std::string &to)
    {
        if (letter == 'p')
            return "selp.u64 %d80, 1, 0, " + reg('p', number) + "; st.global.u64 [" + to +
                   "], %d80;\n";
        const char *type = letter == 'h' ? "b16 [" : letter == 'w' ? "b32 [" : "b64 [";
        return std::string("st.global.") + type + to + "], " + reg(letter, number) + ";\n";
    }

    /// p0: outputs, p1: items, p2: number of items.
    static std::string program(const Form &form, const std::string &signature,
                               const Reference &reference)
    {
        bool combined = form.modifiers & (kWithAnd | kWithOr | kWithXor);
        std::string body = "mov.u32 %r90, %ctaid.x; mov.u32 %r91, %ntid.x;\n"
                           "mad.lo.s32 %r90, %r90, %r91, %r0;\n"
                           "mul.wide.u32 %d90, %r90, 56; add.s64 %d91, %p1, %d90;\n"
                           "mul.wide.u32 %d92, %r90, 16; add.s64 %d93, %p0, %d92;\n"
                           "ld.global.u64 %d94, [%d91+40]; setp.ne.u64 %q9, %d94, 0;\n";
        std::string operands;
        for (unsigned i = 1; i < signature.size(); i++) {
            body += load(signature[i], i, "%d91+" + std::to_string(8 * (i - 1)));
            operands += ", " + reg(signature[i], i);
        }
        if (combined) {
            body += load('p', 3, "%d91+16");
            operands += ", %q3";
        }
        body += load(signature[0], 10, "%d91+48");
        std::string to = reg(signature[0], 10);
        if (reference.second) {
            body += load('p', 11, "%d91+48");
            to += "|%q11";
        }
        if (reference.takes_carry)
            body += "ld.global.u32 %r95, [%d91+32]; add.cc.u32 %r96, %r95, -1;\n";
        body += "@%q9 " + form.mnemonic + " " + to + operands + ";\n";
        if (reference.takes_carry)
            body += "addc.u32 %r97, 0, 0; st.global.u32 [%d93+8], %r97;\n";
        if (reference.second)
            body += store('p', 11, "%d93+8");
        return kernel(body + store(signature[0], 10, "%d93"));
    }

    std::vector<Output> run_form(const Form &form, const std::string &signature,
                                 const Reference &reference, std::vector<Item> &input)
    {
        if (form.modifiers & (kWithAnd | kWithOr | kWithXor))
            for (Item &item : input)
                item.in[2] = item.preset >> 1 & 1;
        std::vector<Output> output(input.size());
        auto in = reinterpret_cast<uint64_t>(input.data());
        auto out = reinterpret_cast<uint64_t>(output.data());
        MemoryMap map;
        map.add({in, in + input.size() * sizeof(Item), false});
        map.add({out, out + output.size() * sizeof(Output), true});
        Launch launch;
        launch.program = Program::compile(program(form, signature, reference));
        launch.kernel = "k";
        launch.block = {32};
        launch.grid = {unsigned(input.size() / 32)};
        launch.parameters.resize(32);
        std::memcpy(launch.parameters.data(), &out, 8);
        std::memcpy(launch.parameters.data() + 8, &in, 8);
        Fault fault = execute(launch, map, *this, 1);
        EXPECT_EQ(fault.text, "") << form.mnemonic;
        return output;
    }

    void check(const Name &name, const Operation &row, const Reference &reference)
    {
        std::string signature = row.signature;
        std::vector<Item> input = items(signature, reference);
        for (const Form &form : forms_of(name, row)) {
            std::vector<Output> output;
            try {
                output = run_form(form, signature, reference, input);
            } catch (const std::exception &error) {
                ADD_FAILURE() << form.mnemonic << ": " << error.what();
                continue;
            }
            compare(form, signature, reference, input, output);
        }
    }

    static void compare(const Form &form, const std::string &signature, const Reference &reference,
                        const std::vector<Item> &input, const std::vector<Output> &output)
    {
        unsigned width = signature[0] == 'p'   ? 1
                         : signature[0] == 'h' ? 16
                         : signature[0] == 'w' ? 32
                                               : 64;
        int wrong = 0;
        for (size_t i = 0; i < input.size() && wrong < 3; i++) {
            const Item &item = input[i];
            std::string expected;
            if (item.guard) {
                Args args;
                std::memcpy(args.in, item.in, sizeof args.in);
                args.carry = item.carry;
                args.modifiers = form.modifiers;
                expected = reference.judge(args, {output[i].value, output[i].second});
            } else {
                uint64_t kept = wrapped(Int(item.preset), width);
                uint64_t second = reference.second        ? item.preset & 1
                                  : reference.takes_carry ? item.carry
                                                          : 0;
                if (output[i].value != kept || output[i].second != second)
                    expected = "unchanged " + hex(kept);
            }
            if (expected.empty())
                continue;
            wrong++;
            ADD_FAILURE() << form.mnemonic << " of " << hex(item.in[0]) << ", " << hex(item.in[1])
                          << ", " << hex(item.in[2]) << ", " << hex(item.in[3]) << " (carry "
                          << item.carry << ") gave " << hex(output[i].value) << "|"
                          << output[i].second << ", not " << expected;
        }
    }

    void check_all(Isa isa, bool floating)
    {
        if (!can_run(isa))
            GTEST_SKIP() << "this processor cannot run these handlers";
        choose_isa(isa);
        for (const Operation &row : all_operations(isa)) {
            if (tested_elsewhere(row.name))
                continue;
            Name name(row.name);
            Reference reference = find_reference(name);
            if (!reference.judge)
                ADD_FAILURE() << "row '" << row.name
                              << "' has neither a reference (row-*-test.cc) nor a test of its own "
                                 "(row-coverage-test.cc)";
            else if ((reference.floating != Type::none) == floating)
                check(name, row, reference);
        }
    }
};

TEST_F(Rows, IntegersOnBaseline)
{
    check_all(Isa::baseline, false);
}
TEST_F(Rows, IntegersOnAvx2)
{
    check_all(Isa::avx2, false);
}
TEST_F(Rows, FloatsOnBaseline)
{
    check_all(Isa::baseline, true);
}
TEST_F(Rows, FloatsOnAvx2)
{
    check_all(Isa::avx2, true);
}

} // namespace
} // namespace vgpu::soft
