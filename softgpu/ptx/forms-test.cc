// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/test-machine.h"

#include <fstream>

// One instance of every typed instruction that nvcc emitted for 542 CUDA programs
// (corpus-forms.txt) goes through the parser and the decoder.
namespace vgpu::soft
{
namespace
{

class Forms : public TestMachine
{
protected:
    static std::vector<std::string> lines()
    {
        std::ifstream file(VGPU_SOURCE_DIR "/softgpu/ptx/corpus-forms.txt");
        std::vector<std::string> all;
        for (std::string line; std::getline(file, line);)
            if (!line.empty() && line[0] != '#')
                all.push_back(line);
        return all;
    }

    /// The instruction in surroundings that declare all it may name.
    static std::string around(const std::string &line)
    {
        std::string function =
            ".func (.param .b64 r) function(.param .b64 a) { st.param.b64 [r], 0; ret; }\n";
        std::string locals = ".param .align 16 .b8 callee[16];\n"
                             "prototype: .callprototype (.param .b64 _) _ (.param .b64 _);\n";
        // Parameters are of the type that is passed.
        if (line.starts_with("call")) {
            locals = ".param .b64 callee;\n"
                     "prototype: .callprototype (.param .b64 _) _ (.param .b64 _);\n";
        }
        return header() + function + ".visible .entry k(.param .align 16 .b8 p0[16])\n{\n" +
               ".reg .pred %q<20>; .reg .b16 %h<40>; .reg .b32 %r<100>; .reg .b64 %d<100>;\n"
               ".reg .f32 %f<40>; .reg .f64 %g<40>;\n" +
               locals + line + "\ndone:\nret;\n}\n";
    }
};

TEST_F(Forms, OfTheCorpusAreAccepted)
{
    std::vector<std::string> all = lines();
    ASSERT_GE(all.size(), 665u);
    for (const std::string &line : all) {
        try {
            Program::compile(around(line));
        } catch (const std::exception &error) {
            ADD_FAILURE() << line << "\n  " << error.what();
        }
    }
}

/// They change nothing that a program can see here.
TEST_F(Forms, HintsAreAccepted)
{
    auto got = evaluate<uint32_t>(
        "prefetch.global.L2 [%p0]; prefetchu.L1 [%p0]; applypriority.global.L2::evict_normal "
        "[%p0], "
        "128; pmevent 3; brkpt; griddepcontrol.wait; setmaxnreg.inc.sync.aligned.u32 64;\n"
        "createpolicy.fractional.L2::evict_last.b64 %d1, 1.0; mov.u32 %r1, 5;\n"
        "st.global.L2::cache_hint.u32 [%p0], %r1, %d1; ldu.global.u32 %r2, [%p0]; "
        "discard.global.L2 [%p0], 128; st.global.u32 [%p0+4], %r2;",
        2, 1);
    EXPECT_EQ(got, (std::vector<uint32_t>{5, 5}));
}

} // namespace
} // namespace vgpu::soft
