// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include "remoting/base/error.h"
#include "softgpu/ptx/builtin.h"

#include <random>

// Text that is accepted, text that is refused and where, text meant to harm.
namespace vgpu::soft
{
namespace
{

class Parse : public TestMachine
{
protected:
    static std::string error(const std::string &ptx)
    {
        try {
            Program::compile(ptx);
        } catch (const Error &failure) {
            return failure.what();
        }
        return "";
    }
};

TEST_F(Parse, ErrorsSayWhere)
{
    const std::pair<std::string, const char *> cases[] = {
        {"", "1:1: PTX begins with .version"},
        {".version 8.0\n.target sm_80\n.address_size 32\n", "only 64-bit"},
        {kernel("foo.u32 %r1, %r2;"), "10:1: foo.u32 is not supported"},
        {kernel("  wmma.load.a.sync.aligned.row.m16n16k8.f16 {%r1}, [%p0];"),
         "10:3: wmma.load.a.sync.aligned.row.m16n16k8.f16 is not supported"},
        {kernel("tex.2dms.v4.f32.f32 {%f1,%f2,%f3,%f4}, [%p0, {%f1,%f2}];"),
         "tex.2dms.v4.f32.f32 is not supported"},
        {kernel("tex.2d.v4.f32.f32 {%f1,%f2,%f3,%f4}, [%p0, {%f1,%f2}], {%r1,%r2};"),
         "10:56: offsets of texels and comparisons of depth are not supported (tex)"},
        {kernel("tex.2d.v2.f16x2.f32 {%r1,%r2}, [%p0, {%f1,%f2}];"),
         "tex.2d.v2.f16x2.f32 is not supported"},
        {kernel("alloca.u64 %d1, %d2, 16;"), "alloca.u64 is not supported"},
        {kernel("add.u32 %r1, %r2;"), "10:1: add takes 3 operands, not 2"},
        {kernel("add.u32 %r1, %r2, %d1;"), "10:19: '%d1' has the wrong size for add"},
        {kernel("add.u32 %d1, %r2, %r1;"), "10:9: '%d1' has the wrong size"},
        {kernel("add.u32 %r1, %r2, %r100;"), "register '%r100' is not defined"},
        {kernel("add.rn.u32 %r1, %r2, %r3;"), "add.rn.u32 is not supported"},
        {kernel("add.approx.f16 %h1, %h2, %h3;"), "add.approx.f16 is not supported"},
        {kernel("mul.sat.bf16 %h1, %h2, %h3;"), "mul.sat.bf16 is not supported"},
        {kernel("min.relu.f16 %h1, %h2, %h3;"), "min.relu.f16 is not supported"},
        {kernel("bra nowhere;"), "10:5: label 'nowhere' is not defined"},
        {kernel("L: L: ret;"), "label 'L' is defined twice"},
        {kernel("mov.u32 %r1, nothing;"), "'nothing' is not defined"},
        {kernel("ld.param.u32 %r1, [p0+8];"), "outside of the variable"},
        {kernel("st.param.u32 [p0], %r1;"), "cannot be written"},
        {kernel("call f;"), "function 'f' is not declared"},
        {kernel("call f;", ".extern .func f();\n"), "unresolved extern function 'f'"},
        {kernel("@%r1 bra L; L:"), "wrong size"},
        {kernel("ld.global.v2.u32 {%r1}, [%p0];"), "wrong number of elements"},
        {kernel("mov.u32 %r1, 99999999999999999999;"), "bad number"},
        {kernel("mov.f32 %f1, 0f12;"), "0f needs 8 hex digits"},
        {kernel("", ".global .b8 x[4] = {1,2,3,4,5};\n"), "more initial values"},
        {kernel("", ".global .align 3 .b8 x[4];\n"), "no power of two"},
        {kernel("", ".global .texref t;\n"), "texref is not supported"},
        {kernel("", ".global .b8 x[4];\n.global .b8 x[4];\n"), "'x' is defined twice"},
        {kernel("{"), "no '}'"},
        {header() + "/* never closed", "comment without an end"},
        {header() + ".visible .entry", "function name expected"},
    };
    for (auto &[ptx, text] : cases)
        EXPECT_NE(error(ptx).find(text), std::string::npos)
            << "wanted: " << text << "\n   got: " << error(ptx);
}

TEST_F(Parse, AcceptsWhatCompilersWrite)
{
    EXPECT_EQ(
        error(
            header() +
            "\t.file\t1 \"a.cu\"\n.section .debug_str\n{\n.b8 1,2\n}\n.visible .entry k(\n\t.param "
            ".u64 .ptr .global .align 16 k_param_0\n)\n.maxntid 256, 1, 1\n.minnctapersm 2\n"
            "{\n\t.reg .pred \t%p<2>;\n\t.loc\t1 3 5, function_name $L, inlined_at 1 2 3\n.pragma "
            "\"nounroll\";\n\t// demoted variable\n\t.shared .align 4 .b8 s[4];\n\t{ // callseq 0, "
            "0\n\t.reg .b32 temp;\n\t}\n$L__BB0_1:\n\tret;\n\n}\n"),
        "");
    auto program =
        compile(header() + ".entry a() .maxntid 8, 4 { ret; }\n.entry b() .reqntid 32 { .shared "
                           ".b8 x[100]; .local .b8 l[20]; mov.b32 %r, x; .reg .b32 %r; ret; }\n");
    EXPECT_EQ(program->kernel("a")->max_threads, 32u);
    EXPECT_EQ(program->kernel("b")->required_block[0], 32u);
    EXPECT_EQ(program->kernel("b")->static_shared_bytes, 100u);
    EXPECT_EQ(program->kernel("b")->local_bytes, 32u);
    EXPECT_EQ(program->kernel("c"), nullptr);
}

TEST_F(Parse, NestedScopesHideNames)
{
    auto got = evaluate<uint32_t>(
        ".reg .b32 x; mov.u32 x, 1; { .reg .b32 x; mov.u32 x, 2; L: setp.ge.u32 %q1, x, 10; @%q1 "
        "bra E; add.u32 x, x, 1; bra L; E: st.global.u32 [%p0], x; }\n"
        "{ .reg .b32 x; mov.u32 x, 5; bra E; E: st.global.u32 [%p0+4], x; } st.global.u32 [%p0+8], "
        "x;",
        3, 1);
    EXPECT_EQ(got, (std::vector<uint32_t>{10, 5, 1}));
}

TEST_F(Parse, HostileTextCostsLittle)
{
    EXPECT_EQ(error(kernel(".reg .b64 %many<4000000000>; mov.b64 %many3999999999, 1;")), "");
    EXPECT_NE(error(kernel("", ".global .b8 x[0xffffffffffffffff];\n")), "");
    EXPECT_NE(error(kernel("", ".global .b64 x[0x2000000000][0x2000000000][64];\n")), "");
    EXPECT_NE(error(kernel(".shared .b8 x[0x7fffffff];")), "");
    EXPECT_NE(error(kernel(".local .b8 x[0x7fffffff];")), "");
    EXPECT_NE(error(kernel("mov.u32 %r1, " + std::string(100000, '-') + "1;")), "");
    EXPECT_NE(error(kernel("mov.u32 %r1, " + std::string(100000, '(') + "1;")), "");
    EXPECT_NE(error(kernel("mov.b64 %d1, " + std::string(100000, '{') + "1;")), "");
    EXPECT_NE(error(kernel("add.u32 %r1, " + std::string(100000, '!') + "1;")), "");
    EXPECT_EQ(error(kernel(std::string(20000, '{') + std::string(20000, '}'))), "");
    EXPECT_NE(error(header() + std::string("\0\xff\x80 .func", 9)), "");
    // Mutations of a good text: refused or accepted, never harmful.
    std::string good =
        kernel("ld.global.u32 %r1, [%p0]; setp.lt.s32 %q1|%q2, %r1, 5; @%q1 bra L; { .param .b32 "
               "a; st.param.b32 [a], %r1; call f, (a); } L: bar.sync 0; mov.b64 {%r1,%r2}, %d1;",
               ".func f(.param .b32 a) { ret; }\n.global .u64 t[2] = {f, 1};\n");
    std::mt19937 random(1);
    for (int i = 0; i < 3000; i++) {
        std::string text = good;
        for (int changes = 1 + int(random() % 3); changes > 0; changes--) {
            size_t at = random() % text.size();
            switch (random() % 3) {
            case 0:
                text[at] = char(random());
                break;
            case 1:
                text.erase(at, 1 + random() % 10);
                break;
            default:
                text.insert(at, good.substr(random() % good.size(), random() % 20));
            }
        }
        error(text);
    }
}

TEST_F(Parse, LongChainsOfCallsCostLittle)
{
    std::string ptx = header() + ".func f0() { ret; }\n";
    for (int i = 1; i < 60000; i++)
        ptx += ".func f" + std::to_string(i) + "() { call f" + std::to_string(i - 1) + "; ret; }\n";
    ptx += ".entry k() { call f59999; ret; }\n";
    EXPECT_NE(Program::compile(ptx), nullptr);
}

TEST(Print, FollowsC)
{
    auto format = [](std::string_view text, std::vector<uint64_t> values) {
        size_t next = 0;
        return format_print(
            text, [&](size_t, size_t) { return next < values.size() ? values[next++] : 0; },
            [](uint64_t) { return std::string("text"); });
    };
    EXPECT_EQ(format("%5d|%-5u|%05x|%+ld|%%|%c", {uint64_t(-3), 7, 255, 9, 'z'}),
              "   -3|7    |000ff|+9|%|z");
    EXPECT_EQ(format("%*.*f|%e|%.3s|%p", {8, 2, 0x400921fb54442d18, 0x3ff0000000000000, 1, 0xabc}),
              "    3.14|1.000000e+00|tex|0xabc");
    EXPECT_EQ(format("%hhd %hd %lld %zu", {0x1ff, 0x18000, ~uint64_t(0), 5}), "-1 -32768 -1 5");
    EXPECT_EQ(format("%q %", {}), "%q %");
    EXPECT_LE(format("%999999999d", {1}).size(), 5000u);
}

} // namespace
} // namespace vgpu::soft
