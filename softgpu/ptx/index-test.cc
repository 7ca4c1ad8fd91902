// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/code.h"
#include "softgpu/ptx/module.h"
#include "softgpu/ptx/test-machine.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>

// Accesses by base and index (decode-index.cc) beside the same whose address is a second
// definition of its register, which the decoder leaves alone.
namespace vgpu::soft
{
namespace
{

class Index : public TestMachine
{
protected:
    static constexpr unsigned kElements = 4096;

    /// p0: out, p1: memory, p2: an index for each thread. `access` uses %d91, which is
    /// %p1 + %r90 * scale; `plainly` hides that.
    static std::string text(const std::string &access, unsigned scale, bool sign, bool plainly)
    {
        return kernel("mul.wide.u32 %d90, %r0, 4; add.s64 %d90, %d90, %p2; mov.u64 %d80, 0;\n"
                      "ld.global.u32 %r90, [%d90]; setp.eq.u32 %q1, %r90, 77;\n" +
                      std::string(plainly ? "mov.u64 %d91, 0;\n" : "") + "mul.wide." +
                      (sign ? "s32" : "u32") + " %d92, %r90, " + std::to_string(scale) +
                      "; add.s64 %d91, %p1, %d92;\n" + access);
    }
    static bool is_indexed(const std::shared_ptr<Program> &program, const std::string &mnemonic)
    {
        const Code *code = dynamic_cast<const Module &>(*program).find_kernel("k");
        for (size_t i = 0; i < code->insts.size(); i++)
            if (code->mnemonics[i] == mnemonic && code->insts[i].aux >> 16)
                return true;
        return false;
    }
    /// What memory and the outputs hold after it, or the fault's text.
    std::string outcome(const std::string &ptx, const std::vector<uint32_t> &index)
    {
        std::vector<uint8_t> memory(kElements * 16);
        std::mt19937 random(7);
        std::generate(memory.begin(), memory.end(), random);
        uint64_t at_memory = upload(memory), out = allocate_device(index.size() * 32);
        // The indices count from the middle, so that they may be negative.
        Fault fault = run(compile(ptx), {1}, {unsigned(index.size())},
                          {out, at_memory + memory.size() / 2, upload(index)}, 0, 1);
        if (fault.kind != Fault::Kind::none)
            return std::to_string(int(fault.kind));
        return std::string(at<char>(at_memory), memory.size()) +
               std::string(at<char>(out), index.size() * 32);
    }
    static std::vector<std::vector<uint32_t>> patterns()
    {
        std::vector<std::vector<uint32_t>> all(10, std::vector<uint32_t>(45));
        std::mt19937 random(3);
        for (unsigned i = 0; i < 45; i++) {
            all[0][i] = i;
            all[1][i] = i - 20;
            all[2][i] = 5;
            all[3][i] = i / 16;
            all[4][i] = i % 16 + 100 * (i / 16);
            all[5][i] = 44 - i;
            all[6][i] = random() % 100;
            all[7][i] = 2 * i;
            all[8][i] = 0x7ffffff0 + i; // around the signed end
            all[9][i] = 0xfffffff0 + i; // around the unsigned end
        }
        return all;
    }
    void compare(const std::string &mnemonic, const std::string &access, unsigned scale)
    {
        for (bool sign : {false, true}) {
            std::string indexed = text(access, scale, sign, false);
            EXPECT_TRUE(is_indexed(compile(indexed), mnemonic)) << access;
            std::string plain = text(access, scale, sign, true);
            EXPECT_FALSE(is_indexed(compile(plain), mnemonic)) << access;
            for (const std::vector<uint32_t> &index : patterns())
                ASSERT_EQ(outcome(indexed, index) == outcome(plain, index), true)
                    << access << " scale " << scale << " index " << index[1];
        }
    }
};

const char *const kTypes[] = {"u8", "s8", "b16", "s16", "b32", "s32", "f32", "b64", "f64", "u16"};

TEST_F(Index, LoadsAsByAddress)
{
    for (std::string type : kTypes)
        for (unsigned count : {1, 2, 4}) {
            unsigned bytes = unsigned(std::stoi(type.substr(1))) / 8 * count;
            if (bytes > 16)
                continue;
            std::string mnemonic =
                "ld.global" + (count > 1 ? ".v" + std::to_string(count) : "") + "." + type;
            std::string to = count == 1   ? "%d80"
                             : count == 2 ? "{%d80, %d81}"
                                          : "{%d80, _, %d82, %d83}";
            if (type[0] == 'f')
                for (char &c : to)
                    c = c == 'd' ? type == "f32" ? 'f' : 'g' : c == '8' ? '1' : c;
            bool real = type[0] == 'f';
            std::string reg = type == "f32" ? "%f1" : type == "f64" ? "%g1" : "%d8";
            std::string store = std::string(".b") + (type == "f32" ? "32" : "64");
            std::string keep = "mul.wide.u32 %d93, %r0, 32; add.s64 %d93, %d93, %p0;\n";
            for (unsigned i = 0; i < count; i++)
                if (!(count == 4 && i == 1))
                    keep += "st.global" + (real ? store : ".u64") + " [%d93+" +
                            std::to_string(8 * i) + "], " + reg + std::to_string(i) + ";\n";
            for (unsigned scale : {bytes, bytes * 3})
                for (std::string guard : {"", "@!%q1 "})
                    compare(mnemonic,
                            guard + mnemonic + " " + to + ", [%d91+" + std::to_string(bytes) +
                                "];\n" + keep,
                            scale);
        }
}

TEST_F(Index, StoresAsByAddress)
{
    for (std::string type : {"u8", "u16", "u32", "u64"})
        for (unsigned count : {1, 2, 4}) {
            unsigned bytes = unsigned(std::stoi(type.substr(1))) / 8 * count;
            if (bytes > 16)
                continue;
            std::string mnemonic =
                "st.global" + (count > 1 ? ".v" + std::to_string(count) : "") + "." + type;
            std::string from = count == 1   ? "%d95"
                               : count == 2 ? "{%d95, %d96}"
                                            : "{%d95, %d96, %d95, %d96}";
            for (unsigned scale : {bytes, 2 * bytes})
                compare(mnemonic,
                        "cvt.u64.u32 %d95, %r0; mul.lo.u64 %d95, %d95, 0x9e3779b97f4a7c15;\n"
                        "not.b64 %d96, %d95; " +
                            mnemonic + " [%d91-" + std::to_string(bytes) + "], " + from + ";\n",
                        scale);
        }
}

TEST_F(Index, FaultsAsByAddress)
{
    for (bool plainly : {false, true}) {
        auto ptx = text("ld.global.u32 %r1, [%d91+2];\n", 4, true, plainly);
        EXPECT_EQ(outcome(ptx, {0, 1, 2}), std::to_string(int(Fault::Kind::misaligned_address)));
        ptx = text("st.global.u32 [%d91], %r1;\n", 4, true, plainly);
        EXPECT_EQ(outcome(ptx, {1u << 30, 1, 2}),
                  std::to_string(int(Fault::Kind::illegal_address)));
    }
}

/// The index of the address is what it was when the address was made.
TEST_F(Index, LaterIndicesDoNotCount)
{
    uint64_t in = upload<uint32_t>({10, 11, 12, 13, 14, 15, 16, 17});
    auto value = [&](const std::string &body) {
        return evaluate<uint32_t>(body + "st.global.u32 [%p0], %r9;\n", 1, 1, {in})[0];
    };
    const std::string address = "mul.wide.u32 %d1, %r1, 4; add.s64 %d2, %p1, %d1;\n";
    EXPECT_EQ(value("mov.u32 %r1, %laneid;\n" + address + "ld.global.u32 %r9, [%d2];\n"), 10u);
    EXPECT_EQ(
        value("mov.u32 %r1, 3;\n" + address + "add.u32 %r1, %r1, 1; ld.global.u32 %r9, [%d2];\n"),
        13u);
    EXPECT_EQ(value("add.u32 %r1, %r0, 3;\n" + address +
                    "mov.u32 %r1, 5; bra L; L:\n"
                    "ld.global.u32 %r9, [%d2];\n"),
              13u);
    // The second time around the address is the first time's.
    EXPECT_EQ(value("mov.u32 %r2, 0;\nagain: add.u32 %r1, %r2, 3; setp.ne.u32 %q1, %r2, 0;\n"
                    "@%q1 bra use;\n" +
                    address +
                    "use: ld.global.u32 %r9, [%d2]; add.u32 %r2, %r2, 1;\n"
                    "setp.lt.u32 %q1, %r2, 3; @%q1 bra again;\n"),
              13u);
    // Read by others too, so it is still computed.
    EXPECT_EQ(value("add.u32 %r1, %r0, 2;\n" + address +
                    "ld.global.u32 %r8, [%d2]; sub.s64 %d3, %d2, %p1; cvt.u32.u64 %r9, %d3;\n"
                    "add.u32 %r9, %r9, %r8;\n"),
              20u);
    EXPECT_EQ(value("add.u32 %r1, %r0, 2; mad.wide.u32 %d2, %r1, 4, %p1;\n"
                    "ld.global.u32 %r9, [%d2+4];\n"),
              13u);
}

} // namespace
} // namespace vgpu::soft
