// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/matrix-test.h"

// Matrices between memory and registers: wmma, ldmatrix, movmatrix; who waits for whom, and what is
// refused.
namespace vgpu::soft
{
namespace
{

TEST_F(Matrix, WmmaLoadsMultipliesStores)
{
    struct Case {
        unsigned m, n, k;
        const char *a, *d, *mma;
        unsigned ra, rb, rc;
    };
    const Case cases[] = {
        {16, 16, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {32, 8, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {8, 32, 16, "f16", "f32", ".f32.f32", 8, 8, 8},
        {16, 16, 16, "f16", "f16", ".f16.f16", 8, 8, 4},
        {16, 16, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 4, 4, 8},
        {32, 8, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 8, 2, 8},
        {8, 32, 16, "bf16", "f32", ".f32.bf16.bf16.f32", 2, 8, 8},
        {16, 16, 8, "tf32", "f32", ".f32.tf32.tf32.f32", 4, 4, 8},
        {8, 8, 4, "f64", "f64", ".f64.f64.f64.f64", 1, 1, 2},
        {16, 16, 16, "s8", "s32", ".s32.s8.s8.s32", 2, 2, 8},
        {32, 8, 16, "u8", "s32", ".s32.u8.u8.s32", 4, 1, 8},
        {8, 32, 16, "s8", "s32", ".s32.s8.s8.s32", 1, 4, 8},
        {8, 8, 32, "s4", "s32", ".s32.s4.s4.s32", 1, 1, 2},
        {8, 8, 128, "b1", "s32", ".s32.b1.b1.s32", 1, 1, 2},
    };
    for (const Case &one : cases)
        for (int layouts = 0; layouts < 8; layouts++) {
            std::string a_type = one.a, d_type = one.d;
            bool packed = a_type == "s4" || a_type == "b1";
            bool a_column = layouts & 1, b_column = layouts & 2, c_column = layouts & 4;
            if (packed && (a_column || !b_column))
                continue;
            SCOPED_TRACE(std::string(one.mma) + " m" + std::to_string(one.m) + " layouts " +
                         std::to_string(layouts));
            unsigned bits = a_type == "f64"    ? 64
                            : a_type == "tf32" ? 32
                            : a_type == "s4"   ? 4
                            : a_type == "b1"   ? 1
                            : a_type[1] == '8' ? 8
                                               : 16;
            unsigned c_bits = d_type == "f64" ? 64 : d_type == "f16" ? 16 : 32;
            // Rows are longer in memory than in the matrix.
            auto store = [&](const std::vector<int> &matrix, unsigned rows, unsigned columns,
                             bool by_column, unsigned width, const std::string &type) {
                unsigned stride = (by_column ? rows : columns) + (packed ? 128 : 8);
                std::vector<u32> words((by_column ? columns : rows) * stride * width / 32 + 2);
                for (unsigned r = 0; r < rows; r++)
                    for (unsigned c = 0; c < columns; c++) {
                        size_t bit = size_t(by_column ? c * stride + r : r * stride + c) * width;
                        uint64_t pattern = encode(type, matrix[r * columns + c]);
                        if (width < 32)
                            pattern &= (1u << width) - 1;
                        words[bit / 32] |= u32(pattern) << bit % 32;
                        if (width == 64)
                            words[bit / 32 + 1] = u32(pattern >> 32);
                    }
                return std::pair(words, stride);
            };
            std::vector<int> a(one.m * one.k), b(one.k * one.n), c(one.m * one.n);
            int low = a_type[0] == 'u' || a_type == "b1" ? 0 : -3, high = a_type == "b1" ? 1 : 3;
            for (int &x : a)
                x = small(low, high);
            for (int &x : b)
                x = small(low, high);
            for (int &x : c)
                x = small(-50, 50);
            auto [wa, sa] = store(a, one.m, one.k, a_column, bits, a_type);
            auto [wb, sb] = store(b, one.k, one.n, b_column, bits, a_type);
            auto [wc, sc] = store(c, one.m, one.n, c_column, c_bits, d_type);
            std::string shape = ".m" + std::to_string(one.m) + "n" + std::to_string(one.n) + "k" +
                                std::to_string(one.k);
            auto layout = [](bool column) { return std::string(column ? ".col" : ".row"); };
            const char *wide = bits == 64 ? "b64" : "b32";
            std::string body =
                std::string("{ .reg .") + wide + " %s<8>, %t<8>, %u<8>, %v<8>;\n" +
                "wmma.load.a.sync.aligned" + layout(a_column) + shape + ".global." + a_type + " " +
                group('s', one.ra) + ", [%p1], " + std::to_string(sa) + ";\n" +
                "wmma.load.b.sync.aligned" + layout(b_column) + shape + "." + a_type + " " +
                group('t', one.rb) + ", [%p2], " + std::to_string(sb) + ";\n" +
                "wmma.load.c.sync.aligned" + layout(c_column) + shape + "." + d_type + " " +
                group('u', one.rc) + ", [%p3], " + std::to_string(sc) + ";\n" + "wmma.mma" +
                (a_type == "b1" ? ".and.popc" : "") + ".sync.aligned" + layout(a_column) +
                layout(b_column) + shape + one.mma + " " + group('v', one.rc) + ", " +
                group('s', one.ra) + ", " + group('t', one.rb) + ", " + group('u', one.rc) +
                ";\nwmma.store.d.sync.aligned" + layout(c_column) + shape + ".global." + d_type +
                " [%p0], " + group('v', one.rc) + ", " + std::to_string(sc) + ";\n}";
            auto got = evaluate<u32>(body, wc.size(), 32, {upload(wa), upload(wb), upload(wc)});
            for (unsigned r = 0; r < one.m; r++)
                for (unsigned n = 0; n < one.n; n++) {
                    int sum = c[r * one.n + n];
                    for (unsigned k = 0; k < one.k; k++)
                        sum += a[r * one.k + k] * b[k * one.n + n];
                    size_t bit = size_t(c_column ? n * sc + r : r * sc + n) * c_bits;
                    uint64_t value = got[bit / 32] >> bit % 32;
                    if (c_bits == 16)
                        value &= 0xffff;
                    if (c_bits == 64)
                        value |= uint64_t(got[bit / 32 + 1]) << 32;
                    ASSERT_EQ(decode(d_type, value), sum) << r << " " << n;
                }
        }
}

TEST_F(Matrix, LoadsRowsOfSharedMemory)
{
    // Element j of row r of matrix m is 64 m + 8 r + j; rows lie 32 bytes apart, matrices last
    // first.
    std::string fill = "mov.u32 %r9, tile; mov.u32 %r1, %r0;\n"
                       "L: shr.u32 %r2, %r1, 3; shl.b32 %r2, %r2, 5; and.b32 %r3, %r1, 7; "
                       "shl.b32 %r3, %r3, 1; add.u32 %r2, %r2, %r3; add.u32 %r2, %r2, %r9;\n"
                       "cvt.u16.u32 %h1, %r1; st.shared.u16 [%r2], %h1; add.u32 %r1, %r1, 32; "
                       "setp.lt.u32 %q1, %r1, 256; @%q1 bra L; bar.sync 0;\n"
                       "shl.b32 %r4, %r0, 5; add.u32 %r4, %r4, %r9;\n";
    std::string give = "mul.wide.u32 %d1, %r0, 16; add.u64 %d1, %d1, %p0; "
                       "st.global.v4.b32 [%d1], {%r10, %r11, %r12, %r13};";
    const char *module = ".shared .align 16 .b8 tile[1024];\n";
    auto pair = [](unsigned low, unsigned high) { return low | high << 16; };
    auto plain = evaluate<u32>(
        fill + "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, [%r4];" + give,
        128, 32, {}, module);
    auto turned = evaluate<u32>(
        fill + "ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%r10, %r11, %r12, %r13}, [%r4];" +
            give,
        128, 32, {}, module);
    auto two = evaluate<u32>(
        fill +
            "mov.u32 %r12, 7; mov.u32 %r13, 7; setp.gt.u32 %q2, %r0, 15; @%q2 mov.u32 %r4, 1;\n"
            "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r10, %r11}, [%r4];" +
            give,
        128, 32, {}, module);
    for (unsigned lane = 0; lane < 32; lane++)
        for (unsigned m = 0; m < 4; m++) {
            unsigned row = lane / 4, column = lane % 4 * 2, first = 64 * m;
            EXPECT_EQ(plain[lane * 4 + m],
                      pair(first + 8 * row + column, first + 8 * row + column + 1));
            EXPECT_EQ(turned[lane * 4 + m],
                      pair(first + 8 * column + row, first + 8 * (column + 1) + row));
            EXPECT_EQ(two[lane * 4 + m], m < 2 ? plain[lane * 4 + m] : 7u);
        }
    auto fault = [&](const std::string &change) {
        return run(kernel(fill + change + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r10}, [%r4];",
                          module),
                   {1}, {32}, {})
            .kind;
    };
    EXPECT_EQ(fault("add.u32 %r4, %r4, 2;"), Fault::Kind::misaligned_address);
    EXPECT_EQ(fault("add.u32 %r4, %r4, 1024;"), Fault::Kind::illegal_address);
}

TEST_F(Matrix, TransposesInRegisters)
{
    auto got = evaluate<u32>("shl.b32 %r1, %r0, 1; add.u32 %r2, %r1, 1; shl.b32 %r2, %r2, 16; "
                             "or.b32 %r1, %r1, %r2;\n"
                             "movmatrix.sync.aligned.m8n8.trans.b16 %r1, %r1;\n"
                             "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; "
                             "st.global.b32 [%d1], %r1;",
                             32, 32);
    for (unsigned lane = 0; lane < 32; lane++) {
        unsigned row = lane / 4, column = lane % 4 * 2;
        EXPECT_EQ(got[lane], (8 * column + row) | (8 * (column + 1) + row) << 16);
    }
}

TEST_F(Matrix, WaitsForLanesThatAreElsewhere)
{
    // Odd lanes come back from behind the product, to which the even ones get first.
    auto got = evaluate<float>(
        "mov.f32 %f4, 0f00000000; mov.u32 %r1, 0x3f800000; and.b32 %r2, %r0, 1;\n"
        "setp.eq.u32 %q1, %r2, 1; @%q1 mov.u32 %r1, 0; @%q1 bra FAR;\n"
        "NEAR: mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3}, "
        "{%r1, %r1, %r1, %r1}, {%r1, %r1}, {%f4, %f4, %f4, %f4};\n"
        "mul.wide.u32 %d1, %r0, 4; add.u64 %d1, %d1, %p0; st.global.f32 [%d1], %f0; bra END;\n"
        "FAR: mov.u32 %r1, 0x3f800000; bra NEAR;\nEND:",
        32, 32);
    EXPECT_EQ(got, std::vector<float>(32, 8.f));
}

TEST_F(Matrix, RefusesWhatTheDeviceLacks)
{
    auto refusal = [](const std::string &text) {
        try {
            Program::compile(kernel(text));
            return std::string();
        } catch (const std::exception &error) {
            return std::string(error.what());
        }
    };
    for (std::string text :
         {"wgmma.fence.sync.aligned", "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16",
          "mma.sync.aligned.m16n8k8.row.col.f64.f64.f64.f64",
          "mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32",
          "mma.sp.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32",
          "mma.sync.aligned.m16n8k16.col.col.f32.f16.f16.f32",
          "stmatrix.sync.aligned.m8n8.x1.shared.b16",
          "wmma.mma.sync.aligned.row.col.m16n16k16.f32.f32.satfinite"})
        EXPECT_NE(refusal(text + " {%f0}, {%r1}, {%r2}, {%f4};").find(text + " is not supported"),
                  std::string::npos)
            << refusal(text + " {%f0}, {%r1}, {%r2}, {%f4};");
    EXPECT_NE(refusal("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3}, "
                      "{%r1}, {%r1}, {%f0, %f1, %f2, %f3};")
                  .find("takes 2 registers"),
              std::string::npos);
}

} // namespace
} // namespace vgpu::soft
