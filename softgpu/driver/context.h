// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/device.h"
#include "softgpu/driver/heap.h"
#include "softgpu/driver/stream.h"
#include "softgpu/ptx/program.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

namespace vgpu::soft::driver
{

/// A context: the streams, the limits and the fate of what was made in it. A fault of a kernel
/// breaks it for good.
class Context : public std::enable_shared_from_this<Context>
{
public:
    static std::shared_ptr<Context> create(Device &device, unsigned flags, bool primary,
                                           unsigned units = 0); ///< 0: all of the device's

    uint64_t id = 0;
    Device &device;
    const bool primary;
    const unsigned units; ///< on which its kernels run
    std::atomic<unsigned> flags;
    std::atomic<unsigned> attached{0}; ///< by cuCtxAttach, beside the first one's
    std::atomic<int> cache_config{0};
    std::atomic<int> shared_config{CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE};

    /// Throws the sticky error, or CONTEXT_IS_DESTROYED.
    void check() const;
    bool alive() const { return alive_.load(); }
    bool broken() const { return error_.load() != CUDA_SUCCESS; }
    void fault(CUresult code, const std::string &text); ///< the first one stays
    bool cancelled() const { return !alive_.load(); }

    std::shared_ptr<Stream> legacy() const { return legacy_; }
    void adopt(std::shared_ptr<Stream> stream);
    void disown(const Stream &stream);

    /// Puts `work` at the end of `stream`, in the order that the legacy default stream asks for.
    Point submit(Stream &stream, Work work);
    /// The same, and waits until it is done; on the caller's own thread where that is possible.
    void perform_now(Stream &stream, Work work);

    /// Waits for a stream, and asks about it, as the ABI means it: the legacy stream stands for the
    /// blocking ones too.
    void wait_for(Stream &stream);
    bool settled(Stream &stream);

    /// A work of the legacy stream behind all that was given to any stream; and one of each stream
    /// behind a point.
    Point submit_behind_all(Work work);
    void submit_everywhere(const Point &point);
    std::vector<Point> last_of_all(); ///< where each stream is when it has done what it was given

    void drain();       ///< waits for all streams
    void synchronize(); ///< the same, settles, and throws the sticky error

    void print(std::string_view text);
    /// What a device does when the host has waited for it: shows what kernels printed, trims the
    /// memory pools.
    void settle();

    size_t limit(CUlimit limit) const;
    void set_limit(CUlimit limit, size_t value);
    Heap &heap();

    void enable_peer(Context &peer);
    void disable_peer(Context &peer);

    /// Ends the context: kernels are cancelled, and streams, events, modules and memory made in it
    /// go.
    void destroy();

private:
    Context(Device &device, unsigned flags, bool primary, unsigned units);
    void order(Stream &stream, Work &work);
    std::vector<Point> meant_by(Stream &stream);

    std::atomic<bool> alive_{true};
    std::atomic<int> error_{CUDA_SUCCESS};
    std::shared_ptr<Stream> legacy_;
    mutable std::mutex lock_; ///< the streams and the order between them
    std::vector<std::shared_ptr<Stream>> streams_;
    mutable std::mutex state_; ///< what follows
    std::string printed_;
    std::map<CUlimit, size_t> limits_;
    std::unique_ptr<Heap> heap_;
    std::set<uint64_t> peers_;
};

/// The stack of contexts of the calling thread.
namespace current
{
std::shared_ptr<Context> peek(); ///< null if there is none
std::shared_ptr<Context> get();  ///< throws INVALID_CONTEXT or the context's sticky error
void set(std::shared_ptr<Context> context); ///< replaces the top; null pops it
void push(std::shared_ptr<Context> context);
std::shared_ptr<Context> pop();
} // namespace current

} // namespace vgpu::soft::driver
