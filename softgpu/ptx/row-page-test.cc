// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/decode.h"
#include "softgpu/ptx/operations.h"
#include "softgpu/ptx/row-coverage.h"
#include "softgpu/ptx/row-test.h"

#include <algorithm>
#include <fstream>
#include <gtest/gtest.h>
#include <set>
#include <sstream>

// docs/ptx.md, the table of instructions with what each is tested against, made of the tables and
// the references themselves.
namespace vgpu::soft
{
namespace
{

using namespace rows;

/// Values in the order in which they came.
class List
{
public:
    void add(const std::string &text)
    {
        if (!text.empty() && seen_.insert(text).second)
            text_ += (text_.empty() ? "" : " ") + text;
    }
    const std::string &text() const { return text_; }

private:
    std::set<std::string> seen_;
    std::string text_;
};

struct Line {
    List variants, types, modifiers;
};

std::string modifiers_of(uint32_t bits)
{
    static constexpr std::pair<uint32_t, const char *> kNames[] = {
        {kRoundMask, ".rn .rz .rm .rp"},
        {kToInteger, ".rni .rzi .rmi .rpi"},
        {kAwayTies, ".rna"},
        {kApprox, ".approx"},
        {kFull, ".full"},
        {kFtz, ".ftz"},
        {kSat, ".sat"},
        {kRelu, ".relu"},
        {kNanResult, ".NaN"},
        {kXorSign, ".xorsign.abs"}};
    std::string text;
    for (auto [bit, name] : kNames)
        if (bits & bit)
            text += std::string(text.empty() ? "" : " ") + name;
    return text;
}

/// (opcode, what it is tested against) -> its rows.
using Table = std::map<std::pair<std::string, std::string>, Line>;

void add_row(Table &table, const Operation &row)
{
    Name name(row.name);
    if (name.opcode == "pack" || name.opcode == "unpack")
        return; // mov with a vector
    if (const char *test = tested_elsewhere(row.name)) {
        Line &line = table[{name.opcode, "`" + std::string(test) + "`"}];
        // "ld.global.b16.w.v2", "atom.shared.add.f32": the parts between the opcode and the type.
        std::istringstream parts(name.text.substr(name.opcode.size()));
        std::getline(parts, name.text, '.');
        for (std::string part; std::getline(parts, part, '.');) {
            bool typed = part.find_first_of("0123456789") != std::string::npos && part[0] != 'v';
            (typed ? line.types : line.variants).add(part.size() > 1 ? "." + part : "");
        }
        return;
    }
    std::string accuracy = find_reference(name).accuracy;
    Line &line = table[{name.opcode, accuracy}];
    line.variants.add(name.stem.substr(name.opcode.size()));
    std::string types;
    for (Type type : name.types)
        types += name_of(type);
    line.types.add(types);
    std::istringstream modifiers(modifiers_of(row.modifiers));
    for (std::string word; modifiers >> word;)
        line.modifiers.add(word);
}

std::string render()
{
    Table table;
    for (const Operation &row : all_operations(Isa::baseline))
        add_row(table, row);
    std::set<std::string> known;
    for (auto &[key, line] : table)
        known.insert(key.first);
    for (std::string_view opcode : Decoder::instructions()) {
        const char *test = test_of_instruction(opcode);
        if (!known.count(std::string(opcode)))
            table[{std::string(opcode), test ? "`" + std::string(test) + "`" : "**nothing**"}];
    }
    std::string page =
        "# PTX instructions of the software GPU\n\n"
        "Made by `make update-ptx-page` of the tables that the executor runs; a unit test fails "
        "when "
        "it is\nnot current. `.bN` stands for every type of that width. The last column says what "
        "`softgpu/ptx/unit-ptx`\ncompares with, on edge values and random ones, with the handlers "
        "of "
        "every instruction set: an\nindependent computation (and the error that is allowed), or "
        "the "
        "unit test that is named.\n\n"
        "| instruction | variants | types | modifiers | tested: result |\n|---|---|---|---|---|\n";
    for (auto &[key, line] : table)
        page += "| `" + key.first + "` | " + line.variants.text() + " | " + line.types.text() +
                " | " + line.modifiers.text() + " | " + key.second + " |\n";
    return page;
}

TEST(Page, NamesTestsThatExist)
{
    std::set<std::string> tests;
    auto *unit = ::testing::UnitTest::GetInstance();
    for (int s = 0; s < unit->total_test_suite_count(); s++) {
        auto *suite = unit->GetTestSuite(s);
        for (int t = 0; t < suite->total_test_count(); t++)
            tests.insert(std::string(suite->name()) + "." + suite->GetTestInfo(t)->name());
    }
    for (std::string_view opcode : Decoder::instructions()) {
        const char *test = test_of_instruction(opcode);
        ASSERT_NE(test, nullptr) << opcode << " has no test: name one in row-coverage-test.cc";
        EXPECT_TRUE(tests.count(test)) << opcode << " is said to be tested by " << test;
    }
    for (const Operation &row : all_operations(Isa::baseline)) {
        const char *test = tested_elsewhere(row.name);
        EXPECT_TRUE(!test || tests.count(test)) << row.name << " is said to be tested by " << test;
    }
}

TEST(Page, IsCurrent)
{
    std::string wanted = render();
    if (const char *to = getenv("VGPU_WRITE_PTX_PAGE"))
        std::ofstream(to) << wanted;
    std::ifstream file(VGPU_SOURCE_DIR "/docs/ptx.md");
    std::stringstream found;
    found << file.rdbuf();
    EXPECT_TRUE(found.str() == wanted)
        << "docs/ptx.md is not what the tables say: run `make update-ptx-page`, and commit it";
}

} // namespace
} // namespace vgpu::soft
