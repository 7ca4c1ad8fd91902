// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/operations.h"
#include "softgpu/ptx/row-test.h"
#include "softgpu/ptx/test-machine.h"

#include <algorithm>
#include <numeric>
#include <random>

// Every row of ld, st and atom: each space, each shape of addresses, full and partial warps, and
// what is misaligned or outside. What is expected is computed on the bytes here.
namespace vgpu::soft
{
namespace
{

using rows::hex;
using rows::integer;
using rows::wrapped;

constexpr size_t kImage = 4096, kLocal = 256, kStep = 32; ///< a lane's stack begins kStep later

/// "ld.shared.s8.w.v2", "atom.global.add.f32"
struct Row {
    explicit Row(const std::string &name)
    {
        size_t at = 0;
        while (at != std::string::npos) {
            size_t dot = name.find('.', at);
            parts.push_back(name.substr(at, dot == std::string::npos ? dot : dot - at));
            at = dot == std::string::npos ? dot : dot + 1;
        }
        if (parts.back()[0] == 'v') {
            count = unsigned(parts.back()[1] - '0');
            parts.pop_back();
        }
    }
    const std::string &space() const { return parts[1]; }
    std::string type() const { return parts[2]; }
    char letter() const { return parts[3][0]; }
    unsigned bytes() const { return unsigned(std::stoul(type().substr(1))) / 8; }
    unsigned total() const { return bytes() * count; }

    std::vector<std::string> parts;
    unsigned count = 1;
};

char prefix(char letter)
{
    return letter == 'h' ? 'h' : letter == 'w' ? 'r' : 'd';
}
unsigned width(char letter)
{
    return letter == 'h' ? 16 : letter == 'w' ? 32 : 64;
}

class MemoryMachine : public TestMachine
{
protected:
    /// What is in memory before, and what lanes bring.
    struct Setting {
        std::string window;            ///< where the bytes are: global, shared or local
        std::vector<uint32_t> offsets; ///< one a lane
        uint32_t guard = ~0u;
    };
    /// Aligned for the largest vector.
    struct alignas(32) Word {
        uint8_t bytes[32];
    };
    using Words = std::vector<Word>;
    struct Seen {
        Fault fault;
        std::vector<uint64_t> values; ///< 4 a lane
        std::vector<uint8_t> image;   ///< local: kLocal of each lane
    };

    void SetUp() override
    {
        std::mt19937 random(7);
        for (size_t i = 0; i < kImage; i++)
            image_.push_back(uint8_t(random()));
        for (size_t i = 0; i < 32 * 4; i++)
            inputs_.push_back(uint64_t(random()) << 32 | random());
        // What meets subnormals, infinities, NaN, equal and extreme integers.
        const uint64_t edges[] = {0,
                                  1,
                                  ~uint64_t(0),
                                  0x7f800000ff800000,
                                  0x7ff0000000000000,
                                  0x0000000100000001,
                                  0x8000000080000000,
                                  0x7fffffff7fffffff,
                                  0x7c00fc0000018001,
                                  0x3f8000003f800000};
        for (size_t i = 0; i < 20; i++) {
            uint64_t edge = edges[i % 10];
            inputs_[i * 4 + 1] = edge;
            std::memcpy(&image_[i * 8], &edges[(i * 3 + i / 10) % 10], 8);
        }
    }

    std::vector<uint8_t> start(const Setting &setting) const
    {
        if (setting.window != "local")
            return image_;
        std::vector<uint8_t> all;
        for (size_t lane = 0; lane < 32; lane++)
            all.insert(all.end(), image_.begin() + long(lane * kStep),
                       image_.begin() + long(lane * kStep + kLocal));
        return all;
    }
    static size_t base_of(const Setting &setting, unsigned lane)
    {
        return setting.window == "local" ? lane * kLocal : 0;
    }

    /// Runs one instruction. `%d9` (or `%r9` where addresses have 32 bits) is its address, `%d1` to
    /// `%d4` the inputs and outputs, moved to registers of the right width around it.
    Seen run_one(const std::string &instruction, const Setting &setting, bool generic, char letter)
    {
        bool local = setting.window == "local", shared = setting.window == "shared";
        std::string body =
            ".shared .align 32 .b8 sh[4096]; .local .align 32 .b8 loc[256];\n"
            "mul.wide.u32 %d90, %r0, 4; add.s64 %d91, %p2, %d90; ld.global.u32 %r90, [%d91];\n"
            "cvt.u64.u32 %d8, %r90; mul.wide.u32 %d92, %r0, 32; add.s64 %d93, %p0, %d92;\n"
            "cvt.u32.u64 %r91, %p3; shr.u32 %r92, %r91, %r0; and.b32 %r92, %r92, 1;\n"
            "setp.ne.u32 %q9, %r92, 0;\n";
        std::string space = setting.window;
        if (shared)
            body += copy("st.shared.u64", "%d95", 128, "%d94", "ld.global.u64") + "bar.sync 0;\n";
        else if (local)
            body += copy("st.local.u64", "%d95", kLocal, "%d94", "ld.global.u64");
        if (shared)
            body += "mov.u64 %d7, sh; add.s64 %d9, %d7, %d8;\n";
        else if (local)
            body += "mov.u64 %d7, loc; add.s64 %d9, %d7, %d8;\n";
        else
            body += "add.s64 %d9, %p1, %d8;\n";
        if (generic && space != "global")
            body += "cvta." + space + ".u64 %d9, %d9;\n";
        std::string set, get;
        for (unsigned k = 1; k <= 4; k++) {
            std::string n = std::to_string(k), at = std::to_string(8 * (k - 1));
            std::string reg = std::string("%") + prefix(letter) + n;
            std::string type = ".b" + std::to_string(width(letter)) + " ";
            body += "ld.global" + type + reg + ", [%d93+" + at + "];\n";
            get += "st.global" + type + "[%d93+" + at + "], " + reg + ";\n";
        }
        body += "@%q9 " + instruction + ";\n" + get;
        // What memory holds then.
        if (shared)
            body += "bar.sync 0;\n" + copy("st.global.u64", "%d94", 128, "%d95", "ld.shared.u64");
        else if (local)
            body += copy("st.global.u64", "%d94", kLocal, "%d95", "ld.local.u64");
        Seen seen{.fault = {}, .values = inputs_, .image = start(setting)};
        Words image((seen.image.size() + 31) / 32);
        std::memcpy(image.data(), seen.image.data(), seen.image.size());
        std::vector<uint32_t> offsets = setting.offsets;
        if (body != body_) // the shapes of addresses share a program
            program_ = compile(kernel(body));
        body_ = body;
        MemoryMap map;
        Launch launch{.program = program_, .kernel = "k", .block = {32}};
        auto pass = [&](void *data, size_t bytes, bool writable) {
            auto lo = reinterpret_cast<uint64_t>(data);
            map.add({lo, lo + bytes, writable});
            auto raw = reinterpret_cast<const std::byte *>(&lo);
            launch.parameters.insert(launch.parameters.end(), raw, raw + 8);
        };
        pass(seen.values.data(), seen.values.size() * 8, true);
        pass(image.data(), seen.image.size(), true);
        pass(offsets.data(), offsets.size() * 4, false);
        launch.parameters.resize(32);
        std::memcpy(launch.parameters.data() + 24, &setting.guard, 4);
        seen.fault = execute(launch, map, *this, 1);
        std::memcpy(seen.image.data(), image.data(), seen.image.size());
        return seen;
    }

    /// This lane's part of the image between global memory (%d94) and its own (%d95).
    static std::string copy(const std::string &store, const std::string &to, size_t bytes,
                            const std::string &from, const std::string &load)
    {
        bool shared =
            store.find("shared") != std::string::npos || load.find("shared") != std::string::npos;
        std::string size = std::to_string(bytes), body;
        body += "mul.wide.u32 %d94, %r0, " + size + "; ";
        body += shared ? "mov.u64 %d95, sh; add.s64 %d95, %d95, %d94; " : "mov.u64 %d95, loc; ";
        body += "add.s64 %d94, %d94, %p1;\n";
        for (size_t at = 0; at < bytes; at += 8) {
            std::string offset = "+" + std::to_string(at) + "]";
            body +=
                load + " %d96, [" + from + offset + "; " + store + " [" + to + offset + ", %d96;\n";
        }
        return body;
    }

    /// The shapes that handlers tell apart, in room bytes.
    static std::vector<std::vector<uint32_t>> shapes(unsigned unit, size_t room, bool overlap)
    {
        std::vector<std::vector<uint32_t>> all;
        auto add = [&](auto of) {
            std::vector<uint32_t> offsets;
            for (uint32_t lane = 0; lane < 32; lane++)
                offsets.push_back(uint32_t(of(lane)) * unit);
            for (uint32_t offset : offsets)
                if (offset + unit > room)
                    return;
            all.push_back(offsets);
        };
        add([](uint32_t lane) { return lane; });
        add([](uint32_t lane) { return 31 - lane; });
        add([](uint32_t lane) { return (lane * 13 + 5) % 32; });
        add([](uint32_t lane) { return lane * 3 + 1; });
        add([](uint32_t lane) { return lane < 16 ? lane + 40 : lane; });
        if (overlap) {
            add([](uint32_t) { return 2; });
            add([](uint32_t lane) { return lane < 16 ? 1 : 3; });
            add([](uint32_t lane) { return lane / 4; });
            add([](uint32_t lane) { return lane < 16 ? lane : 5; });
        }
        return all;
    }

    static std::vector<std::string> windows(const Row &row)
    {
        if (row.space() == "generic")
            return {"global", "shared", "local"};
        return {row.space()};
    }

    std::vector<uint8_t> image_;
    std::vector<uint64_t> inputs_;
    std::string body_;
    std::shared_ptr<Program> program_;
};

/// {%r1, %r2} or %r1.
std::string registers(const Row &row, char letter)
{
    std::string text;
    for (unsigned k = 1; k <= row.count; k++)
        text += (k > 1 ? ", %" : "%") + std::string(1, prefix(letter)) + std::to_string(k);
    return row.count > 1 ? "{" + text + "}" : text;
}

/// ".global.v2.u16", nothing for the generic space.
std::string suffix(const Row &row, bool load)
{
    std::string type = row.type();
    if (type[0] == 'b')
        type[0] = load ? 'u' : 'b';
    std::string space = row.space() == "frame" ? "local" : row.space();
    return (space == "generic" ? "" : "." + space) +
           (row.count > 1 ? ".v" + std::to_string(row.count) : "") + "." + type;
}

uint64_t value_at(const std::vector<uint8_t> &image, size_t at, unsigned bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < bytes; i++)
        value |= uint64_t(image.at(at + i)) << (8 * i);
    return value;
}

class AtomicRow;

class MemoryRows : public MemoryMachine
{
protected:
    void check(const std::string &instruction, const AtomicRow &atomic, const std::string &window,
               bool gives);
    void expect_faults(const std::string &instruction, const Row &row, const std::string &window,
                       char letter)
    {
        size_t room = window == "local" ? kLocal : kImage;
        std::vector<uint32_t> offsets(32, 0);
        bool generic = row.space() == "generic";
        unsigned unit = row.total();
        offsets[17] = uint32_t(room - unit + unit); // the first byte behind
        Seen seen = run_one(instruction, {window, offsets, ~0u}, generic, letter);
        EXPECT_EQ(seen.fault.kind, Fault::Kind::illegal_address) << instruction;
        EXPECT_NE(seen.fault.text.find("thread (17,0,0)"), std::string::npos) << seen.fault.text;
        if (unit > 1) {
            for (unsigned off : {1u, unit / 2}) {
                offsets[17] = 64 + off;
                seen = run_one(instruction, {window, offsets, ~0u}, generic, letter);
                EXPECT_EQ(seen.fault.kind, Fault::Kind::misaligned_address)
                    << instruction << " " << off;
            }
        }
        // A lane that does not take part may have any address.
        offsets[17] = 0x40000001;
        seen = run_one(instruction, {window, offsets, ~(1u << 17)}, generic, letter);
        EXPECT_EQ(seen.fault.text, "") << instruction;
    }
};

/// What an atomic leaves in memory, by the operation's name and type.
class AtomicRow
{
public:
    explicit AtomicRow(const Row &row)
        : space(row.parts[1]), operation(row.parts[2]), type(row.parts[3]), count(row.count),
          bits(std::stoul(type.substr(type.find_first_of("0123456789"))) *
               (type.ends_with("x2") ? 2 : 1))
    {
        if (type == "f16" || type == "bf16" || type == "f16x2" || type == "bf16x2" ||
            type == "f32" || type == "f64")
            sum_ = rows::find_reference(rows::Name("add." + type));
    }
    unsigned bytes() const { return unsigned(bits) / 8; }
    char letter() const { return bits == 16 ? 'h' : bits == 32 ? 'w' : 'x'; }

    /// The types to write it with.
    std::vector<std::string> spellings() const
    {
        std::string width = std::to_string(bits);
        if (type[0] != 'b' || type[1] == 'f' || operation == "cas" || operation == "exch" ||
            operation == "and" || operation == "or" || operation == "xor")
            return {type};
        if (operation == "inc" || operation == "dec" || bits == 64)
            return {"u" + width};
        return {"u" + width, "s" + width};
    }

    /// Empty if `now` is what memory must hold after `before`.
    std::string wrong(uint64_t before, uint64_t b, uint64_t c, uint64_t now, bool global) const
    {
        if (sum_.judge) {
            rows::Args args{{before, b}};
            args.modifiers = type == "f32" && global ? 4 /* kFtz */ : 0;
            return sum_.judge(args, {now});
        }
        rows::Int x = integer(before, unsigned(bits), type[0] == 's'),
                  y = integer(b, unsigned(bits), type[0] == 's');
        uint64_t want = operation == "exch"  ? b
                        : operation == "cas" ? (before == b ? c : before)
                        : operation == "add" ? wrapped(x + y, unsigned(bits))
                        : operation == "min" ? (x < y ? before : b)
                        : operation == "max" ? (x > y ? before : b)
                        : operation == "and" ? before & b
                        : operation == "or"  ? before | b
                        : operation == "xor" ? before ^ b
                        : operation == "inc" ? (before >= b ? 0 : before + 1)
                                             : (before == 0 || before > b ? b : before - 1);
        return now == want ? "" : hex(want);
    }

    std::string space, operation, type;
    unsigned count;
    unsigned long bits;

private:
    rows::Reference sum_;
};

void MemoryRows::check(const std::string &instruction, const AtomicRow &atomic,
                       const std::string &window, bool gives)
{
    unsigned unit = atomic.bytes() * atomic.count;
    bool global = window == "global";
    for (const auto &offsets : shapes(unit, kImage, false))
        for (uint32_t guard : {~0u, 0x8421fee7u}) {
            Setting setting{window, offsets, guard};
            Seen seen = run_one(instruction, setting, atomic.space == "generic", atomic.letter());
            ASSERT_EQ(seen.fault.text, "") << instruction;
            for (unsigned lane = 0; lane < 32; lane++)
                for (unsigned k = 0; k < atomic.count; k++) {
                    size_t at = offsets[lane] + k * atomic.bytes();
                    uint64_t mask = wrapped(-1, unsigned(atomic.bits));
                    uint64_t before = value_at(image_, at, atomic.bytes());
                    uint64_t now = value_at(seen.image, at, atomic.bytes());
                    const uint64_t *in = &inputs_[lane * 4];
                    uint64_t b = in[atomic.count > 1 ? k : 1] & mask, c = in[2] & mask;
                    bool active = guard >> lane & 1;
                    std::string wrong = active          ? atomic.wrong(before, b, c, now, global)
                                        : now == before ? ""
                                                        : hex(before);
                    ASSERT_EQ(wrong, "") << instruction << " in " << window << ": " << hex(before)
                                         << " with " << hex(b) << " became " << hex(now);
                    if (gives) {
                        ASSERT_EQ(hex(seen.values[lane * 4] & mask),
                                  hex(active ? before : in[0] & mask))
                            << instruction << ": the old value";
                    }
                }
        }
}

TEST_F(MemoryRows, Loads)
{
    for (const Operation &operation : all_operations(Isa::baseline)) {
        std::string name = operation.name;
        if (!name.starts_with("ld.") || name.starts_with("ld.index.")) // index-test.cc
            continue;
        Row row(name);
        bool frame = row.space() == "frame";
        for (const std::string &window : frame ? std::vector<std::string>{"local"} : windows(row)) {
            std::string instruction = "ld" + suffix(row, true) + " " +
                                      registers(row, row.letter()) + ", [" +
                                      (frame ? "loc+32" : "%d9") + "]";
            size_t room = window == "local" ? kLocal : kImage;
            auto all = shapes(row.total(), room, true);
            if (frame)
                all = {std::vector<uint32_t>(32, 32)};
            for (const auto &offsets : all)
                for (uint32_t guard : {~0u, 0x8421fee7u}) {
                    Setting setting{window, offsets, guard};
                    std::vector<uint8_t> memory = start(setting);
                    Seen seen =
                        run_one(instruction, setting, row.space() == "generic", row.letter());
                    ASSERT_EQ(seen.fault.text, "") << instruction;
                    for (unsigned lane = 0; lane < 32; lane++)
                        for (unsigned k = 0; k < row.count; k++) {
                            size_t from = base_of(setting, lane) + offsets[lane] + k * row.bytes();
                            uint64_t raw = value_at(memory, from, row.bytes());
                            uint64_t before = inputs_[lane * 4 + k];
                            uint64_t low =
                                wrapped(integer(raw, row.bytes() * 8, row.type()[0] == 's'),
                                        width(row.letter()));
                            uint64_t mask = wrapped(-1, width(row.letter()));
                            uint64_t want = guard >> lane & 1 ? (before & ~mask) | low : before;
                            ASSERT_EQ(hex(seen.values[lane * 4 + k]), hex(want))
                                << instruction << " in " << window << ", lane " << lane;
                        }
                }
            if (!frame)
                expect_faults(instruction, row, window, row.letter());
        }
    }
}

TEST_F(MemoryRows, Stores)
{
    for (const Operation &operation : all_operations(Isa::baseline)) {
        std::string name = operation.name;
        if (!name.starts_with("st.") || name.starts_with("st.index.")) // index-test.cc
            continue;
        Row row(name);
        bool frame = row.space() == "frame";
        for (const std::string &window : frame ? std::vector<std::string>{"local"} : windows(row)) {
            std::string instruction = "st" + suffix(row, false) + " [" +
                                      (frame ? "loc+32" : "%d9") + "], " +
                                      registers(row, row.letter());
            size_t room = window == "local" ? kLocal : kImage;
            auto all = shapes(row.total(), room, window == "local");
            if (frame)
                all = {std::vector<uint32_t>(32, 32)};
            for (const auto &offsets : all)
                for (uint32_t guard : {~0u, 0x8421fee7u}) {
                    Setting setting{window, offsets, guard};
                    std::vector<uint8_t> want = start(setting);
                    Seen seen =
                        run_one(instruction, setting, row.space() == "generic", row.letter());
                    ASSERT_EQ(seen.fault.text, "") << instruction;
                    for (unsigned lane = 0; lane < 32; lane++)
                        for (unsigned i = 0; (guard >> lane & 1) && i < row.total(); i++) {
                            uint64_t value = inputs_[lane * 4 + i / row.bytes()];
                            want[base_of(setting, lane) + offsets[lane] + i] =
                                uint8_t(value >> (8 * (i % row.bytes())));
                        }
                    ASSERT_TRUE(seen.image == want) << instruction << " in " << window;
                }
            if (!frame)
                expect_faults(instruction, row, window, row.letter());
        }
    }
}

TEST_F(MemoryRows, Atomics)
{
    for (const Operation &operation : all_operations(Isa::baseline)) {
        std::string name = operation.name;
        if (!name.starts_with("atom."))
            continue;
        // "atom.global.add.v2.f32" names its count in the middle.
        unsigned count =
            name.find(".v") == std::string::npos ? 1 : unsigned(name[name.find(".v") + 2] - '0');
        if (count > 1)
            name.erase(name.find(".v"), 3);
        Row row(name);
        row.count = count;
        AtomicRow atomic(row);
        std::vector<std::string> windows{atomic.space};
        if (atomic.space == "generic")
            windows = {"global", "shared"};
        for (const std::string &window : windows)
            for (const std::string &type : atomic.spellings())
                for (bool gives : {true, false}) {
                    bool swaps = atomic.operation == "cas";
                    if (gives ? count > 1 : swaps || atomic.operation == "exch")
                        continue;
                    std::string r = std::string("%") + prefix(atomic.letter());
                    std::string values = r + "2" + (swaps ? ", " + r + "3" : "");
                    if (count > 1)
                        values = registers(row, atomic.letter());
                    std::string instruction =
                        (gives ? "atom" : "red") +
                        (atomic.space == "generic" ? "" : "." + atomic.space) + "." +
                        atomic.operation +
                        (type.find("16") != std::string::npos && type.find('f') != std::string::npos
                             ? ".noftz"
                             : "") +
                        (count > 1 ? ".v" + std::to_string(count) : "") + "." + type + " " +
                        (gives ? r + "1, " : "") + "[%d9], " + values;
                    check(instruction, atomic, window, gives);
                    row.parts[1] = atomic.space;
                    Row access("st." + atomic.space + ".b" + std::to_string(atomic.bits) + "." +
                               "w");
                    access.count = count;
                    expect_faults(instruction, access, window, atomic.letter());
                }
    }
}

} // namespace
} // namespace vgpu::soft
