// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

// Reader of the fatbin container that nvcc puts into programs: PTX texts and cubins for several
// architectures, raw or compressed. Every size in it is a stranger's word and is checked against
// what is there.
namespace vgpu::image
{

constexpr uint32_t kWrapperMagic = 0x466243B1;
constexpr uint32_t kHeaderMagic = 0xBA55ED50;
constexpr size_t kMaxText = size_t(256) << 20; ///< what an entry may decompress to

struct Entry {
    bool ptx = false;              ///< else a cubin, or something unknown
    unsigned arch = 0;             ///< 75 for compute_75
    unsigned major = 0, minor = 0; ///< of the PTX language
    enum class Packing { none, lz4, zstd } packing = Packing::none;
    size_t raw_bytes = 0; ///< decompressed
    std::span<const std::byte> payload;
};

/// Bytes of the container that starts at `header`, its own header included; 0 if it is none. The
/// API passes no length, so this word is all there is.
size_t container_bytes(const void *header);

/// The entries of one or several containers, one after the other. Throws std::runtime_error that
/// says what is wrong.
std::vector<Entry> entries(std::span<const std::byte> container);

/// The PTX entry of the highest architecture that is not above `arch`; none if there is no such.
std::optional<Entry> best_ptx(const std::vector<Entry> &entries, unsigned arch);

/// What an entry holds, decompressed. Throws std::runtime_error.
std::string bytes(const Entry &entry);

/// The text of an entry, decompressed, without the padding zeros at its end. Throws
/// std::runtime_error.
std::string text(const Entry &entry);

} // namespace vgpu::image
