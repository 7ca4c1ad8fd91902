// SPDX-License-Identifier: Apache-2.0
#include "remoting/wire/compressed-stream.h"

#include "remoting/base/clock.h"
#include "remoting/base/error.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <lz4.h>

namespace vgpu::wire
{

bool CompressionChoice::pays() const noexcept
{
    // Compressing and sending take turns: both together must be faster than sending all.
    if (wire_ns_ == 0 || lz4_ns_ == 0)
        return false;
    const double wire = wire_ns_ / wire_bytes_, lz4 = lz4_ns_ / lz4_bytes_; // a byte
    return lz4 + ratio_ * wire < 0.9 * wire;
}

bool CompressionChoice::tries(size_t n) noexcept
{
    if (pays())
        return true;
    // A sample from time to time, on a path on which any gain is possible.
    untried_ += n;
    if (untried_ < kSampleEvery)
        return false;
    const bool slow =
        wire_ns_ != 0 && (lz4_ns_ == 0 || lz4_ns_ / lz4_bytes_ < wire_ns_ / wire_bytes_);
    untried_ = 0;
    return slow;
}

void CompressionChoice::compressed(size_t plain, size_t stored, uint64_t ns) noexcept
{
    ratio_ = double(stored) / double(plain);
    if (lz4_bytes_ > double(kStep)) {
        lz4_bytes_ *= kForget;
        lz4_ns_ *= kForget;
    }
    lz4_bytes_ += double(plain);
    lz4_ns_ += double(ns);
    untried_ = 0;
}

void CompressionChoice::written(size_t stored, uint64_t ns) noexcept
{
    // What a socket's buffer swallows at once says nothing; over some blocks it evens out.
    if (wire_bytes_ > 16.0 * double(kStep)) {
        wire_bytes_ *= kForget;
        wire_ns_ *= kForget;
    }
    wire_bytes_ += double(stored);
    wire_ns_ += double(ns);
}

namespace
{

class CompressedStream final : public BulkStream
{
public:
    explicit CompressedStream(std::unique_ptr<BulkStream> inner) : inner_(std::move(inner)) {}

    void write(std::span<iovec> pieces) override
    {
        for (const iovec &piece : pieces) {
            auto *from = static_cast<const std::byte *>(piece.iov_base);
            for (size_t at = 0, n; at < piece.iov_len; at += n) {
                n = std::min(kMaxBlock, piece.iov_len - at);
                block({from + at, n});
            }
        }
    }

    size_t read(std::span<std::byte> to) override
    {
        if (to.empty())
            return 0;
        while (raw_left_ == 0 && begin_ == plain_.size()) {
            if (const size_t n = next_block(to))
                return n;
            if (ended_)
                return 0;
        }
        if (raw_left_) {
            const size_t n = inner_->read(to.first(std::min(to.size(), raw_left_)));
            if (n == 0)
                fail(ECONNRESET, "the peer closed the bulk connection inside a block");
            raw_left_ -= n;
            return n;
        }
        const size_t n = std::min(to.size(), plain_.size() - begin_);
        std::memcpy(to.data(), plain_.data() + begin_, n);
        begin_ += n;
        return n;
    }

    int descriptor() const override { return inner_->descriptor(); }
    bool is_sealed() const override { return inner_->is_sealed(); }
    bool is_compressed() const override { return true; }
    uint64_t bytes_in() const override { return inner_->bytes_in(); }
    uint64_t bytes_out() const override { return inner_->bytes_out(); }
    BulkPath path() const noexcept override { return inner_->path(); }
    void shut_down() noexcept override { inner_->shut_down(); }

private:
    void block(std::span<const std::byte> plain)
    {
        std::span<const std::byte> stored = plain;
        // Frames' headers, and what is as small, are not worth a thought.
        if (plain.size() >= kLeast && choice_.tries(plain.size())) {
            packed_.resize(kMaxBlock); // what does not become smaller is of no use
            const uint64_t from = now_ns();
            const int n = LZ4_compress_default(reinterpret_cast<const char *>(plain.data()),
                                               reinterpret_cast<char *>(packed_.data()),
                                               int(plain.size()), int(plain.size() - 1));
            const size_t size = n > 0 ? size_t(n) : plain.size();
            choice_.compressed(plain.size(), size, now_ns() - from);
            if (size < plain.size())
                stored = std::span(packed_).first(size);
        }
        BlockHeader header{uint32_t(plain.size()), uint32_t(stored.size())};
        iovec pieces[] = {{&header, sizeof header},
                          {const_cast<std::byte *>(stored.data()), stored.size()}};
        const uint64_t from = now_ns();
        inner_->write(pieces);
        choice_.written(sizeof header + stored.size(), now_ns() - from);
    }

    // What was decompressed straight to where it belongs; else 0, and the block can be read.
    size_t next_block(std::span<std::byte> to)
    {
        BlockHeader header;
        if (!inner_->read_exactly(std::as_writable_bytes(std::span(&header, 1)))) {
            ended_ = true;
            return 0;
        }
        if (header.plain == 0 || header.plain > kMaxBlock || header.stored == 0 ||
            header.stored > header.plain)
            fail(EPROTO, "a block of %u bytes in %u on the bulk connection", header.plain,
                 header.stored);
        if (header.stored == header.plain) {
            raw_left_ = header.plain;
            return 0;
        }
        stored_.resize(kMaxBlock);
        const auto stored = std::span(stored_).first(header.stored);
        if (!inner_->read_exactly(stored))
            fail(ECONNRESET, "the peer closed the bulk connection inside a block");
        const bool straight = to.size() >= header.plain;
        if (!straight) {
            plain_.resize(header.plain);
            begin_ = 0;
        }
        // Never more than there is room for, whatever the bytes say.
        const auto plain = straight ? to.first(header.plain) : std::span(plain_);
        const int n = LZ4_decompress_safe(reinterpret_cast<const char *>(stored.data()),
                                          reinterpret_cast<char *>(plain.data()),
                                          int(stored.size()), int(plain.size()));
        if (n != int(header.plain))
            fail(EPROTO, "a compressed block on the bulk connection does not open");
        return straight ? size_t(n) : 0;
    }

    static constexpr size_t kLeast = 4096;

    const std::unique_ptr<BulkStream> inner_;

    // The writer's.
    CompressionChoice choice_;
    std::vector<std::byte> packed_;

    // The reader's: of the block at hand, what is still to be read, or to be given out.
    size_t raw_left_ = 0;
    std::vector<std::byte> stored_, plain_;
    size_t begin_ = 0;
    bool ended_ = false;
};

} // namespace

std::unique_ptr<BulkStream> make_compressed_stream(std::unique_ptr<BulkStream> inner)
{
    return std::make_unique<CompressedStream>(std::move(inner));
}

} // namespace vgpu::wire
