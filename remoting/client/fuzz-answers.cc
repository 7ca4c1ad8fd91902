// SPDX-License-Identifier: Apache-2.0
// A hostile worker: what it answers and the bulk bytes it sends, against the connection, copies to
// the host that are under way, and what decodes the answers of all calls. A write outside of what a
// copy or an answer may write is for the sanitizer to find. With VGPU_FUZZER a libFuzzer program;
// the unit tests feed it a few random inputs.
#include "remoting/client/copy-out.h"

#include "remoting/api/params.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/wire/memory-stream.h"

#include <cerrno>
#include <cstring>
#include <latch>

namespace vgpu::client
{
namespace
{

// Numbers of the input; zeros when it is used up.
class Input
{
public:
    explicit Input(std::span<const std::byte> bytes) : bytes_(bytes) {}
    bool empty() const { return bytes_.empty(); }
    uint8_t byte()
    {
        if (bytes_.empty())
            return 0;
        auto value = uint8_t(bytes_[0]);
        bytes_ = bytes_.subspan(1);
        return value;
    }
    // Mostly of the size of the copies, sometimes at an edge.
    uint64_t number()
    {
        const uint8_t how = byte();
        return how < 192 ? how % 64 : ~uint64_t(0) >> (how % 64);
    }

private:
    std::span<const std::byte> bytes_;
};

// Answers made of the input; then the peer is gone.
class Worker final : public wire::Channel
{
public:
    explicit Worker(Input in) : in_(in) {}
    void send(std::span<const std::byte>, std::span<const std::byte>) override {}
    void flush() override {}
    void flush_soon() override {}
    size_t room() const override { return 64 << 10; }
    bool receive(std::vector<std::byte> &message, int) override
    {
        if (in_.empty())
            throw Error(ECONNRESET, "peer closed");
        const uint8_t how = in_.byte();
        // A result, what failed before, and mostly what a copy's answer has: an offset and bytes.
        message.assign(wire::kHeaderSize + (how & 1 ? 8 : 0), {});
        wire::Encoder out(message);
        out.u64(in_.number());
        const uint64_t n = in_.byte() % 64;
        out.u64(how & 2 ? n : in_.number());
        for (uint64_t i = 0; i < (n + 7) / 8; ++i)
            out.u64(in_.byte() * 0x0101010101010101u);
        wire::put_header(message.data(),
                         {.size = uint32_t(message.size()),
                          .call = 0,
                          .flags = uint16_t(how & 4 ? in_.number() : uint64_t(wire::kIsReply)),
                          .sequence = uint32_t(how & 8 ? in_.number() : 1 + in_.byte() % 3),
                          .word = uint32_t(how & 16 ? in_.number() : 0)});
        return true;
    }
    const char *name() const override { return "fuzz"; }
    bool passes_descriptors() const override { return false; }
    void send_descriptor(uint64_t, int) override {}
    Fd receive_descriptor(uint64_t, int) override { return {}; }
    int descriptor() const override { return -1; }
    void shut_down() noexcept override {}

private:
    Input in_;
};

// Sends its frames when all copies are known.
class Frames final : public wire::MemoryStream
{
public:
    Frames(std::vector<std::byte> &bytes, std::latch &asked) : MemoryStream(bytes), asked_(asked) {}
    size_t read(std::span<std::byte> to) override
    {
        asked_.wait();
        return MemoryStream::read(to);
    }

private:
    std::latch &asked_;
};

std::vector<std::byte> frames(Input &in)
{
    std::vector<std::byte> bytes;
    for (int n = in.byte() % 8; n > 0; --n) {
        const wire::BulkFrame frame{uint32_t(in.byte() % 4), uint32_t(in.number()), in.number()};
        const auto head = std::as_bytes(std::span(&frame, 1));
        bytes.insert(bytes.end(), head.begin(), head.end());
        bytes.resize(bytes.size() + in.byte() % 64, std::byte(n));
    }
    return bytes;
}

void copies(Input &in)
{
    constexpr size_t kPitch = 12, kWidth = 8, kRows = 4;
    std::vector<std::byte> sent = frames(in);
    std::latch asked(1);
    auto channel = std::make_unique<Worker>(in);
    Connection connection(std::move(channel),
                          {.deferred = [](Deferred) {}, .lost = [](const std::string &) {}});
    Bulk bulk({.stream = std::make_unique<Frames>(sent, asked)}, connection);
    // Of their own and no larger than they have to be, so that one byte beyond is found.
    std::vector<std::byte> plain(32), rows((kRows - 1) * kPitch + kWidth), large(rows.size());
    {
        CopyOut first(connection, nullptr, plain.data(), 32, 32, 1);
        CopyOut second(connection, &bulk, large.data(), kPitch, kWidth, kRows);
        CopyOut third(connection, &bulk, rows.data(), kPitch, kWidth, kRows);
        std::vector<std::byte> head(wire::kHeaderSize);
        bool there = true;
        for (CopyOut *copy : {&first, &second, &third})
            there = connection.send(uint16_t(copy->call()), 1, head, {}, copy) && there;
        asked.count_down();
        for (CopyOut *copy : {&first, &second, &third})
            if (there)
                connection.wait(*copy);
    }
    // What lies between the rows is not the copy's.
    for (auto *all : {&rows, &large})
        for (size_t row = 0; row + 1 < kRows; ++row)
            for (size_t i = kWidth; i < kPitch; ++i)
                if ((*all)[row * kPitch + i] != std::byte())
                    std::abort();
}

void decoders(Input &in)
{
    std::vector<std::byte> bytes;
    while (!in.empty())
        bytes.push_back(std::byte(in.byte()));
    auto decode = [&](auto &&half) {
        wire::Decoder decoder(bytes);
        half.take(decoder);
    };
    uint32_t value = 0;
    int number = 0;
    decode(api::Out<uint32_t>::Client(&value));
    decode(api::Maybe<api::Out<int>>::Client(&number));
    for (size_t n : {1, 7, 40}) {
        std::vector<unsigned char> array(n);
        decode(api::OutArray<unsigned char, 0>::Client(array.data(), n));
        std::vector<uint64_t> wide(n);
        decode(api::OutArray<uint64_t, 0>::Client(wide.data(), n));
        std::vector<char> text(n);
        decode(api::OutString<0>::Client(text.data(), n));
    }
}

} // namespace

void fuzz_answers(std::span<const std::byte> bytes)
{
    Input in(bytes);
    in.byte() % 4 == 3 ? decoders(in) : copies(in);
}

} // namespace vgpu::client

#ifdef VGPU_FUZZER
extern "C" int LLVMFuzzerInitialize(int *, char ***)
{
    vgpu::set_log_sink([](vgpu::Level, std::string_view) {}); // it is told otherwise
    return 0;
}
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vgpu::client::fuzz_answers(std::as_bytes(std::span(data, size)));
    return 0;
}
#endif
