// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/memory.h"
#include "softgpu/ptx/texture.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The face of the PTX executor towards the driver (softgpu/driver): text in, programs out, launches
// run.
namespace vgpu::soft
{

/// A kernel parameter's place in the packed parameter buffer, in bytes, as `cuFuncGetParamInfo`
/// reports it.
struct Parameter {
    size_t offset = 0;
    size_t size = 0;
};

/// What a kernel needs; read by the driver for attributes, occupancy and launch checks.
struct KernelInfo {
    std::string name;
    std::vector<Parameter> parameters;
    size_t parameter_bytes = 0;
    size_t static_shared_bytes = 0;
    size_t local_bytes = 0;                   ///< per thread
    unsigned registers = 0;                   ///< per thread, an estimate
    unsigned max_threads = 1024;              ///< .maxntid product, else 1024
    std::array<unsigned, 3> required_block{}; ///< .reqntid, zeros if none
};

/// A `.global` or `.const` variable of a module. `address` is 0 until `bind`.
struct GlobalInfo {
    std::string name;
    size_t size = 0;
    size_t alignment = 1;
    bool constant = false;
    bool external = false;
    bool managed = false;
    uint64_t address = 0;
};

/// One function's decoded code; opaque.
struct Code;

/// A module of decoded PTX. Immutable after `bind`, shared by launches.
class Program
{
public:
    /// Parses and decodes. Throws vgpu::Error whose text has `line:column: ` and the reason, as the
    /// driver's JIT log would; hostile text costs bounded time and memory.
    static std::shared_ptr<Program> compile(std::string_view ptx);

    virtual ~Program() = default;
    virtual std::vector<KernelInfo> kernels() const = 0;
    virtual const KernelInfo *kernel(std::string_view name) const = 0; ///< null if there is none
    virtual std::vector<GlobalInfo> globals() const = 0;

    /// Gives each global its storage, writes initial values (addresses of other globals and
    /// functions included). `place` returns zeroed memory of at least the size and alignment,
    /// already in the device's MemoryMap.
    virtual void bind(const std::function<uint64_t(const GlobalInfo &)> &place) = 0;

    /// The same once more, to be bound elsewhere: costs a copy instead of decoding. Not to be
    /// called while or after this one is bound.
    virtual std::shared_ptr<Program> copy() const = 0;
};

struct Dim3 {
    unsigned x = 1, y = 1, z = 1;
};

/// Why a launch failed. The driver makes a sticky context error of it and logs the text.
struct Fault {
    enum class Kind {
        none,
        illegal_address,
        misaligned_address,
        trap,
        assert_failed,
        illegal_instruction,
        stack_overflow,
        timeout,
        internal
    };
    Kind kind = Kind::none;
    std::string text; ///< names kernel, instruction (PTX line), block, thread and address
};

/// The services a kernel asks of its device while it runs. All called from executor threads.
class Host
{
public:
    virtual ~Host() = default;
    virtual void print(std::string_view text) = 0; ///< device-side printf, already formatted
    /// Device-side malloc: 0 when the heap is full.
    virtual uint64_t allocate(size_t bytes) = 0;
    /// What is released must stay mapped until the launch ends: other threads may hold its range.
    virtual void release(uint64_t address) = 0;
    /// A graph's conditional handle gets a value; an unknown handle is ignored.
    virtual void set_condition(uint64_t, unsigned) {}
    virtual bool cancelled() const = 0; ///< polled now and then: context destroyed or worker ending
    /// What a kernel's 64-bit texture or surface object stands for, or null if it stands for none.
    /// Asked once a launch and core for each object; held until the launch ends.
    virtual std::shared_ptr<const Texture> texture(uint64_t) { return nullptr; }
    virtual std::shared_ptr<const Image> surface(uint64_t) { return nullptr; }
};

struct Launch {
    std::shared_ptr<const Program> program;
    std::string kernel;
    Dim3 grid, block;
    size_t dynamic_shared_bytes = 0;
    std::vector<std::byte>
        parameters;             ///< packed as KernelInfo::parameters says; `parameter_bytes` long
    bool cooperative = false;   ///< all blocks resumable, grid barriers allowed
    std::string caller;         ///< for the log
    double timeout_seconds = 0; ///< 0: none (VGPU_SOFT_TIMEOUT)
    /// Stack of a thread where no one knows how deep calls go (CU_LIMIT_STACK_SIZE); never less
    /// than 64 KiB.
    size_t stack_bytes = 0;
};

/// Runs one grid to its end on up to `threads` cores (the calling thread included). Blocks are
/// independent and are spread over the cores; a failure stops the grid soon and is returned, never
/// thrown.
Fault execute(const Launch &launch, const MemoryMap &memory, Host &host, unsigned threads);

} // namespace vgpu::soft
