// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/builtin.h"

#include <cstring>

namespace vgpu::soft
{
namespace
{

constexpr size_t kMaxText = 1 << 16;

/// One lane's view of a call's arguments and results.
class LaneCall
{
public:
    LaneCall(Warp &warp, const Inst *inst, const CallSite &site, unsigned lane)
        : warp_(warp), inst_(inst), site_(site), lane_(lane)
    {
    }

    uint64_t argument(size_t index) const
    {
        if (index >= site_.arguments.size())
            raise_fault(warp_, inst_, lane_, Fault::Kind::illegal_instruction, "too few arguments");
        uint64_t value = 0;
        const Argument &from = site_.arguments[index];
        std::memcpy(&value, place(from), std::min<size_t>(from.size, 8));
        return value;
    }

    void result(uint64_t value) const
    {
        if (!site_.results.empty())
            std::memcpy(place(site_.results[0]), &value,
                        std::min<size_t>(site_.results[0].size, 8));
    }

    std::string text(uint64_t address) const
    {
        std::string out;
        for (; out.size() < kMaxText; address++) {
            char c = char(*resolve(warp_, inst_, lane_, address, 1, 1, false));
            if (c == '\0')
                break;
            out += c;
        }
        return out;
    }

private:
    std::byte *place(const Argument &argument) const
    {
        if (argument.slot != kNoSlot)
            return lanes<std::byte>(warp_, argument.slot) + lane_ * argument.size;
        const Block &block = *warp_.block;
        return block.local + size_t(thread_of(warp_, lane_)) * block.stack_bytes +
               warp_.frame->local_base + argument.offset;
    }

    Warp &warp_;
    const Inst *inst_;
    const CallSite &site_;
    unsigned lane_;
};

void print(Warp &warp, const Inst *inst, unsigned lane, const LaneCall &call)
{
    uint64_t buffer = call.argument(1);
    std::string text = format_print(
        call.text(call.argument(0)),
        [&](size_t offset, size_t size) {
            uint64_t bits = 0;
            std::memcpy(&bits, resolve(warp, inst, lane, buffer + offset, size, 1, false), size);
            return bits;
        },
        [&](uint64_t address) { return address ? call.text(address) : std::string("(null)"); });
    warp.block->core->grid.host.print(text);
    call.result(uint32_t(text.size()));
}

} // namespace

void run_builtin(Warp &warp, const Inst *inst, const CallSite &site)
{
    Host &host = warp.block->core->grid.host;
    each_lane(warp.active, [&](unsigned lane) {
        LaneCall call(warp, inst, site, lane);
        switch (site.builtin) {
        case Builtin::print:
            print(warp, inst, lane, call);
            break;
        case Builtin::allocate:
            call.result(host.allocate(size_t(call.argument(0))));
            break;
        case Builtin::release:
            if (uint64_t address = call.argument(0))
                host.release(address);
            break;
        case Builtin::assert_fail: {
            std::string text = call.text(call.argument(1)) + ":" +
                               std::to_string(uint32_t(call.argument(2))) + ": " +
                               call.text(call.argument(3)) + ": Assertion `" +
                               call.text(call.argument(0)) + "` failed";
            raise_fault(warp, inst, lane, Fault::Kind::assert_failed, text);
        }
        case Builtin::set_condition:
            host.set_condition(call.argument(0), uint32_t(call.argument(1)));
            break;
        case Builtin::none:
            break;
        }
    });
}

} // namespace vgpu::soft
