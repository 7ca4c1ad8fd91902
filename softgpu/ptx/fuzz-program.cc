// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fuzz-program.h"

#include "softgpu/ptx/fuzz-sandbox.h"

#include <fstream>
#include <sstream>
#include <stdexcept>

namespace vgpu::soft::fuzz
{
namespace
{

std::vector<std::string> lines_of(const std::string &text)
{
    std::vector<std::string> lines;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        lines.push_back(line);
    return lines;
}

std::string read(const std::string &path)
{
    std::ifstream file(path);
    if (!file)
        throw std::runtime_error("cannot read " + path);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

/// Words that change what an instruction is.
constexpr const char *kWords[] = {".u8",     ".s8",      ".u16",
                                  ".s16",    ".u32",     ".s32",
                                  ".u64",    ".s64",     ".b8",
                                  ".b16",    ".b32",     ".b64",
                                  ".f16",    ".f16x2",   ".bf16",
                                  ".f32",    ".f64",     ".pred",
                                  ".global", ".shared",  ".local",
                                  ".const",  ".param",   ".v2",
                                  ".v4",     ".sync",    ".rn",
                                  ".rz",     ".ftz",     ".sat",
                                  ".wide",   ".hi",      ".lo",
                                  ".cc",     ".uni",     ".up",
                                  ".down",   ".bfly",    ".idx",
                                  ".all",    ".any",     ".ballot",
                                  "%r1",     "%d1",      "%f1",
                                  "%g1",     "%h1",      "%q1",
                                  "%d91",    "%r91",     "%tid.x",
                                  "%laneid", "sh",       "dyn",
                                  "text",    "function", "callee",
                                  "loc",     "done",     "loop",
                                  "_",       "[",        "]",
                                  "{",       "}",        "(",
                                  ")",       ",",        ";",
                                  "|",       "!",        "@%q1 ",
                                  "add",     "ld",       "st",
                                  "mov",     "cvt",      "bra",
                                  "call",    "ret",      "exit",
                                  ".reg",    ".align",   "<9999>",
                                  ".entry",  ".func",    ".branchtargets"};
constexpr const char *kNumbers[] = {"0",
                                    "1",
                                    "-1",
                                    "31",
                                    "32",
                                    "255",
                                    "4096",
                                    "65536",
                                    "2147483647",
                                    "-2147483648",
                                    "4294967295",
                                    "4294967296",
                                    "0x1000000000000",
                                    "0x1000000000008",
                                    "0x1000100000000",
                                    "0x1000200000000",
                                    "0x1000400000000",
                                    "9223372036854775807",
                                    "18446744073709551615",
                                    "0f7F800000",
                                    "0d7FF8000000000000"};

template<class T, size_t N>
std::string any(const T (&from)[N], std::mt19937 &random)
{
    return from[random() % N];
}

/// Where a word begins at or after a random place, and its length.
std::pair<size_t, size_t> word(const std::string &text, std::mt19937 &random)
{
    auto inside = [](char c) {
        return isalnum(static_cast<unsigned char>(c)) || c == '%' || c == '_';
    };
    size_t at = random() % text.size();
    while (at < text.size() && !inside(text[at]))
        at++;
    while (at > 0 && inside(text[at - 1]))
        at--;
    size_t end = at;
    while (end < text.size() && inside(text[end]))
        end++;
    // A modifier's point belongs to it.
    return at > 0 && text[at - 1] == '.' ? std::pair(at - 1, end - at + 1)
                                         : std::pair(at, end - at);
}

std::string change_word(std::string text, std::mt19937 &random)
{
    auto [at, size] = word(text, random);
    if (size == 0)
        return text;
    std::string old = text.substr(at, size);
    bool number = isdigit(static_cast<unsigned char>(old[0]));
    bool reg = old[0] == '%' && old.size() > 2;
    std::string fresh = number ? any(kNumbers, random)
                        : reg  ? old.substr(0, 2) + std::to_string(random() % 100)
                               : any(kWords, random);
    if (random() % 8 == 0)
        fresh = random() % 2 ? any(kWords, random) : any(kNumbers, random);
    return text.replace(at, size, fresh);
}

std::string change_line(const std::string &text, std::mt19937 &random)
{
    static const std::vector<std::string> forms =
        lines_of(read(VGPU_SOURCE_DIR "/softgpu/ptx/corpus-forms.txt"));
    std::vector<std::string> lines = lines_of(text);
    if (lines.empty())
        return text;
    size_t at = random() % lines.size(), other = random() % lines.size();
    switch (random() % 5) {
    case 0:
        lines.erase(lines.begin() + long(at));
        break;
    case 1:
        lines.insert(lines.begin() + long(at), std::string(lines[other]));
        break;
    case 2:
        std::swap(lines[at], lines[other]);
        break;
    default:
        // Into a body, most likely.
        at = lines.size() / 3 + random() % (lines.size() - lines.size() / 3);
        lines.insert(lines.begin() + long(at), forms[random() % forms.size()]);
    }
    std::string out;
    for (const std::string &line : lines)
        out += line + "\n";
    return out;
}

} // namespace

unsigned run_anything(const std::string &text)
{
    Sandbox box;
    unsigned ran = 0;
    try {
        auto program = Program::compile(text);
        size_t globals = 0;
        program->bind([&](const GlobalInfo &global) {
            globals += global.size;
            if (globals > kMostBytes || global.alignment > 4096)
                throw std::runtime_error("larger than a fuzzer wants");
            return box.take(global.size, std::max<size_t>(global.alignment, 16), !global.constant);
        });
        for (const KernelInfo &kernel : program->kernels()) {
            if (kernel.static_shared_bytes > kMostBytes || ran == 4)
                break;
            Launch launch{.program = program, .kernel = kernel.name, .grid = {3}, .block = {48, 2}};
            launch.dynamic_shared_bytes = 256;
            launch.parameters.resize(kernel.parameter_bytes);
            for (const Parameter &parameter : kernel.parameters) {
                uint64_t value = box.take(kBuffer, 16, true);
                if (parameter.size == 8)
                    std::memcpy(launch.parameters.data() + parameter.offset, &value, 8);
            }
            box.polls = 0;
            execute(launch, box.map, box, kThreads);
            ran++;
        }
    } catch (const std::runtime_error &) {
    } catch (const std::bad_alloc &) {
    }
    return ran;
}

std::vector<std::string> seeds(const std::string &file)
{
    std::vector<std::string> all;
    std::istringstream in(read(VGPU_SOURCE_DIR "/softgpu/ptx/" + file));
    std::string one;
    for (std::string line; std::getline(in, line);) {
        if (line == "//--") {
            all.emplace_back();
            continue;
        }
        if (!all.empty())
            all.back() += line + "\n";
    }
    return all;
}

std::string mutate(std::string text, std::mt19937 &random)
{
    if (text.empty())
        return seeds().at(0);
    for (unsigned times = 1 + random() % 4; times > 0 && !text.empty(); times--) {
        unsigned kind = random() % 16;
        if (kind < 7)
            text = change_line(text, random);
        else if (kind < 15)
            text = change_word(std::move(text), random);
        else
            text[random() % text.size()] = char(random());
    }
    return text;
}

} // namespace vgpu::soft::fuzz
