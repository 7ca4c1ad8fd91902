// SPDX-License-Identifier: Apache-2.0
// For the tests: a session on a thread, and the least of a client at the other end of a real
// channel, made of the same parameter halves as the real one.
#pragma once

#include "remoting/api/calls.h"
#include "remoting/api/params.h"
#include "remoting/base/error.h"
#include "remoting/base/fd.h"
#include "remoting/server/session.h"
#include "remoting/wire/ring-channel.h"
#include "remoting/wire/stream-channel.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <sys/mman.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace vgpu::server
{

using namespace vgpu::api;

// The software GPU, opened once; null (and the test is skipped) if it was not built.
inline const Driver *test_driver()
{
    static std::unique_ptr<Driver> driver = [] {
        setenv("VGPU_SOFT_DEVICES", "2", 1);
        setenv("VGPU_SOFT_MEMORY", "256M", 1);
        setenv("VGPU_SOFT_LOG", "0", 1);
        // Where libtool leaves it below the build tree, which tests are run from.
        const char *path = std::getenv("VGPU_TEST_DRIVER");
        for (const char *one :
             {path, "softgpu/driver/.libs/libcuda-soft.so.1", "softgpu/.libs/libcuda-soft.so.1"})
            if (one && access(one, R_OK) == 0)
                return open_driver(one);
        return std::unique_ptr<Driver>();
    }();
    return driver.get();
}

struct TestPage {
    TestPage() { page.version = kSlicePageVersion; }
    SlicePage page{};
};

// What a reply said.
struct Answer {
    CUresult result = CUDA_SUCCESS;
    uint32_t deferred = 0, deferred_call = 0;
    bool more = false;
    uint32_t sequence = 0;
    std::vector<std::byte> message;
    wire::Decoder body() const
    {
        return wire::Decoder(std::span(message).subspan(wire::kHeaderSize + 8));
    }
};

class TestClient
{
public:
    enum class Over { stream, ring };

    // So many bulk connections are there from the start.
    explicit TestClient(Over over = Over::stream, std::vector<Slice> slices = {},
                        unsigned with_bulk = 0)
        : slices_(std::move(slices))
    {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
            fail_errno("socketpair");
        Fd here(ends[0]), there(ends[1]);
        if (over == Over::ring) {
            constexpr size_t kRing = 1 << 21;
            Fd memory = wire::make_ring_memory(kRing);
            channel = wire::make_ring_channel(wire::Side::client, std::move(here), memory, kRing);
            worker_channel_ =
                wire::make_ring_channel(wire::Side::worker, std::move(there), memory, kRing);
        } else {
            channel = wire::make_stream_channel(std::move(here));
            worker_channel_ = wire::make_stream_channel(std::move(there));
        }
        if (slices_.empty())
            slices_.push_back({.ordinal = 0, .memory = 64 << 20});
        for (Slice &slice : slices_)
            if (!slice.page)
                slice.page = &page_.page;
        std::vector<int> bulk_ends;
        for (auto *stream : {&bulk, &second_bulk}) {
            int more[2];
            if (bulk_ends.size() == with_bulk)
                break;
            if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, more) < 0)
                fail_errno("socketpair");
            *stream = wire::make_bulk_stream(wire::StreamSocket(Fd(more[0])));
            bulk_ends.push_back(more[1]);
        }
        server_ = std::thread([this, bulk_ends] {
            try {
                Session session(*test_driver(), slices_);
                session.attach(*worker_channel_);
                if (!bulk_ends.empty())
                    session.bulk.open({.wait =
                                           [left = bulk_ends.size()](int) mutable {
                                               using Heard = Bulk::Door::Heard;
                                               return left-- ? Heard::somebody : Heard::end;
                                           },
                                       .welcome =
                                           [bulk_ends](unsigned number) {
                                               Fd end(bulk_ends[number]);
                                               write_all(end.get(), std::array<std::byte, 1>(),
                                                         Deadline::never());
                                               return wire::make_bulk_stream(
                                                   wire::StreamSocket(std::move(end)));
                                           },
                                       .interrupt = [] {},
                                       .broken = [this] { worker_channel_->shut_down(); }});
                try {
                    session.run();
                } catch (const Error &error) {
                    broken = error.what();
                    worker_channel_->shut_down();
                }
            } catch (const std::exception &error) {
                broken = error.what();
                worker_channel_->shut_down();
            }
        });
        std::array<std::byte, 1> welcome;
        for (auto *stream : {&bulk, &second_bulk})
            if (*stream)
                (*stream)->read_exactly(welcome);
    }

    ~TestClient() { join(); }

    // Closes this end and waits for the server's.
    void join()
    {
        if (!server_.joinable())
            return;
        channel->shut_down();
        bulk.reset();
        second_bulk.reset();
        server_.join();
    }

    // Waits for the server to end by itself.
    void join_server() { server_.join(); }

    std::vector<std::byte> encode(Call call, bool wants_reply, const auto &...halves)
    {
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        (halves.put(out), ...);
        finish(bytes, call, wants_reply);
        return bytes;
    }

    void finish(std::vector<std::byte> &bytes, Call call, bool wants_reply)
    {
        wire::Header header;
        header.size = uint32_t(bytes.size());
        header.call = uint16_t(call);
        header.flags = wants_reply ? wire::kWantsReply : 0;
        header.sequence = ++sequence;
        header.word = word;
        wire::put_header(bytes.data(), header);
    }

    void send(const std::vector<std::byte> &bytes)
    {
        channel->send(bytes);
        channel->flush();
        channel->flush();
    }

    Answer receive()
    {
        constexpr int kMs = 20'000;
        Answer answer;
        if (!channel->receive(answer.message, kMs))
            fail(ETIMEDOUT, "no reply");
        wire::Header header = wire::get_header(answer.message.data());
        EXPECT_TRUE(header.flags & wire::kIsReply);
        answer.result = CUresult(header.word);
        answer.more = header.flags & wire::kMore;
        answer.sequence = header.sequence;
        memcpy(&answer.deferred, answer.message.data() + wire::kHeaderSize, 4);
        memcpy(&answer.deferred_call, answer.message.data() + wire::kHeaderSize + 4, 4);
        return answer;
    }

    template<class... Halves>
    CUresult call(Call number, const Halves &...halves)
    {
        send(encode(number, true, halves...));
        last = receive();
        EXPECT_EQ(last.sequence, sequence);
        if (last.result == CUDA_SUCCESS) {
            wire::Decoder in = last.body();
            (halves.take(in), ...);
            EXPECT_TRUE(in.done()) << call_name(number) << ": " << in.why();
            (halves.made(), ...);
        }
        return last.result;
    }

    template<class... Halves>
    void post(Call number, const Halves &...halves)
    {
        send(encode(number, false, halves...));
        (halves.made(), ...);
    }

    // The snapshot, with a window of our own; then the primary context of slice 0.
    CUresult open(const char *visible = nullptr)
    {
        constexpr uint64_t kWindow = uint64_t(1) << 32, kOffers = 4;
        constexpr uint64_t kRoom = kOffers * kWindow + (2 << 20);
        void *at =
            mmap(nullptr, kRoom, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        uint64_t base = (reinterpret_cast<uint64_t>(at) + (2 << 20) - 1) & ~uint64_t((2 << 20) - 1);
        munmap(at, kRoom); // of one process: the server must find it free, or most of it
        std::vector<std::byte> bytes(wire::kHeaderSize);
        wire::Encoder out(bytes);
        out.u64(kWindow);
        out.u64(kOffers);
        for (uint64_t i = 0; i < kOffers; ++i)
            out.u64(base + i * kWindow);
        out.u64(visible != nullptr);
        if (visible)
            out.string(visible);
        finish(bytes, Call::vgpuSnapshot, true);
        send(bytes);
        last = receive();
        if (last.result != CUDA_SUCCESS)
            return last.result;
        window = last.body().u64();
        EXPECT_LT(window - base, kOffers * kWindow);
        word = 1;
        return call(Call::vgpuContextOpen, Val<uint32_t>::Client{0}, Val<uint32_t>::Client{0});
    }

    CUresult alloc(uint64_t bytes, CUdeviceptr &pointer)
    {
        return call(Call::cuMemAlloc_v2, Out<CUdeviceptr>::Client{&pointer},
                    Val<size_t>::Client{bytes});
    }

    uint64_t free_memory(uint32_t slice = 0)
    {
        uint64_t free = 0, total = 0;
        EXPECT_EQ(call(Call::vgpuMemoryInfo, Val<uint32_t>::Client{slice},
                       Out<uint64_t>::Client{&free}, Out<uint64_t>::Client{&total}),
                  CUDA_SUCCESS);
        return free;
    }

    void copy_in(CUdeviceptr to, std::span<const std::byte> data, CUstream stream = nullptr)
    {
        for (size_t at = 0; at < data.size(); at += kMaxPiece) {
            auto piece = data.subspan(at, std::min(kMaxPiece, data.size() - at));
            uint64_t n = piece.size();
            post(Call::vgpuCopyIn, Pointer::Client{to + at}, Val<uint64_t>::Client{n},
                 Val<uint64_t>::Client{n}, Val<uint64_t>::Client{1},
                 Handle<CUstream>::Client{stream}, InArray<std::byte>::Client{piece.data(), n});
        }
    }

    CUresult copy_out(CUdeviceptr from, uint64_t pitch, uint64_t width, uint64_t rows,
                      std::span<std::byte> data)
    {
        send(encode(Call::vgpuCopyOut, true, Pointer::Client{from}, Val<uint64_t>::Client{pitch},
                    Val<uint64_t>::Client{width}, Val<uint64_t>::Client{rows},
                    Handle<CUstream>::Client{nullptr}));
        for (;;) {
            last = receive();
            if (last.result != CUDA_SUCCESS)
                return last.result;
            wire::Decoder in = last.body();
            uint64_t offset = in.u64(), n = in.u64();
            auto bytes = in.bytes(n);
            EXPECT_TRUE(in.done());
            EXPECT_LE(offset + n, data.size());
            std::copy(bytes.begin(), bytes.end(), data.begin() + ptrdiff_t(offset));
            if (!last.more)
                return CUDA_SUCCESS;
        }
    }

    uint64_t id(Kind kind) { return make_id(kind, 1, ++counter); }

    std::unique_ptr<wire::Channel> channel;
    std::unique_ptr<wire::BulkStream> bulk, second_bulk;
    uint32_t sequence = 0, word = 0;
    uint64_t counter = 5000, window = 0;
    Answer last;
    std::string broken; // what ended the session; read after join

private:
    TestPage page_;
    std::vector<Slice> slices_;
    std::unique_ptr<wire::Channel> worker_channel_;
    std::thread server_;
};

} // namespace vgpu::server
