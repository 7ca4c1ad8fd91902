// SPDX-License-Identifier: Apache-2.0
#include "remoting/server/bulk.h"

#include "remoting/api/params.h"
#include "remoting/base/clock.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/server/copy.h"
#include "remoting/wire/lasting-channel.h"

#include <algorithm>
#include <cerrno>

namespace vgpu::server
{

namespace
{

constexpr HostPool::Shape kShape{BulkLane::kSlot, 16};

// Beside what is under way: of each connection a slot that is half full, one that is half read, and
// one that nothing has come for yet.
size_t slots_for(uint64_t window, unsigned connections)
{
    return size_t(window / kShape.slot) + size_t(3) * connections;
}

} // namespace

Bulk::Bulk(const Driver &driver)
    : driver_(driver), slots_(driver, kShape, slots_for(wire::kBulkWindow, 1))
{
}

void Bulk::allow(uint64_t window, unsigned connections)
{
    slots_.allow(slots_for(window, connections));
}

void Bulk::open(Door door)
{
    door_ = std::move(door);
    thread_ = std::thread([this] { run(); });
}

void Bulk::run()
{
    // So long nothing must have moved before memory is let go of.
    constexpr int kRestMs = 2000;
    try {
        for (uint64_t moved = 0, rested = 0;;) {
            const auto heard = door_.wait(count_.load(std::memory_order_relaxed) ? kRestMs : -1);
            if (heard == Door::Heard::end)
                return;
            if (heard == Door::Heard::somebody)
                admit();
            const uint64_t now = moved_.load(std::memory_order_relaxed);
            if (now == moved && now != rested) {
                rest();
                rested = now;
            }
            moved = now;
        }
    } catch (const std::exception &error) {
        break_off(error.what());
    }
}

void Bulk::rest()
{
    // What was registered in a context that has ended is not registered any more.
    std::lock_guard lock(resting_);
    if (CUcontext context = context_.load(std::memory_order_relaxed))
        driver_.cuCtxSetCurrent(context);
    slots_.trim();
    door_.idle();
    driver_.cuCtxSetCurrent(nullptr);
}

void Bulk::forget(CUcontext context)
{
    std::lock_guard lock(resting_);
    if (context_.load(std::memory_order_relaxed) == context)
        context_.store(nullptr, std::memory_order_relaxed);
}

void Bulk::admit()
{
    if (const auto again = door_.again())
        return admit_again(*again);
    // The client may make use of it as soon as it is welcomed: require() waits for us.
    std::lock_guard lock(mutex_);
    const unsigned number = count_.load(std::memory_order_relaxed);
    if (ended_)
        return;
    if (number == lanes_.size())
        fail(EPROTO, "more than %zu bulk connections", lanes_.size());
    auto &lane = lanes_[number];
    lane = std::make_unique<BulkLane>(door_.welcome(number), slots_);
    count_.store(number + 1, std::memory_order_release); // partner: send() and claim()
    if (traffic_)
        traffic_->connections.store(number + 1, std::memory_order_relaxed);
    if (number == 0)
        tell_windows(wire::kBulkWindow, wire::kBulkWindow); // what it begins with
    lane->start(std::thread([this, lane = lane.get()] { read(*lane); }));
}

void Bulk::admit_again(Door::Again again)
{
    if (again.number >= count_.load(std::memory_order_relaxed))
        return door_.refuse("there is no such connection");
    BulkLane &lane = *lanes_[again.number];
    if (!lane.leave(again.position)) {
        door_.refuse(kBytesLost);
        return break_off(kBytesLost);
    }
    // Who claims what comes over it waits for us.
    std::scoped_lock both(mutex_, out_);
    if (ended_)
        return;
    try {
        lane.go_on(door_.welcome(again.number), again.position);
    } catch (const Error &error) { // its client has gone, and comes again
        log(Level::debug, "bulk connection %u: %s", again.number, error.what());
        lane.lose();
        return;
    }
    log(Level::info, "bulk connection %u is another one now", again.number);
    lane.start(std::thread([this, &lane] { read(lane); }));
}

void Bulk::read(BulkLane &lane)
{
    std::string why;
    bool loss = true;
    try {
        lane.read(in_pace_, [this] {
            moved_.fetch_add(1, std::memory_order_relaxed);
            observe();
        });
        // A client that ends has no copy of which bytes are missing.
        if (lane.missing())
            why = "the client closed its bulk connection inside a copy";
    } catch (const Error &error) {
        why = error.what();
        loss = wire::is_loss(error.code());
    } catch (const std::exception &error) {
        why = error.what();
        loss = false;
    }
    if (door_.lasts && loss && !lane.shut()) {
        if (lane.lose())
            return;
        why = text("%s: %s", kBytesLost, why.c_str());
    }
    const bool blamed = !why.empty() && !lane.shut();
    lane.ended();
    if (blamed)
        break_off(why);
}

void Bulk::break_off(const std::string &why)
{
    {
        std::lock_guard lock(mutex_);
        if (ended_) // we closed it
            return;
        ended_ = true;
        failure_ = why;
    }
    door_.broken();
}

// For people, now and then: what the kernel knows of the path, and what waits on it.
void Bulk::observe() noexcept
{
    constexpr uint64_t kOftenNs = 100'000'000;
    const uint64_t now = now_ns();
    uint64_t last = observed_ns_.load(std::memory_order_relaxed);
    if (now - last < kOftenNs || !observed_ns_.compare_exchange_strong(last, now))
        return;
    std::lock_guard lock(observing_);
    uint64_t missing = 0, unsent = 0, busy = 0, limited = 0, rtt = 0;
    for (unsigned i = 0; i < count_.load(std::memory_order_acquire); ++i) {
        const wire::BulkPath path = lanes_[i]->stream()->path();
        missing += lanes_[i]->missing();
        unsent += path.unsent;
        busy += path.busy_us;
        limited += path.limited_us;
        rtt = std::max(rtt, path.smooth_rtt_ns);
    }
    held_up_.store(limits_.look(busy, limited), std::memory_order_relaxed);
    if (!traffic_)
        return;
    traffic_->rtt_us.store(rtt / 1000, std::memory_order_relaxed);
    traffic_->in.queue.store(missing, std::memory_order_relaxed);
    traffic_->out.queue.store(unsent, std::memory_order_relaxed);
}

void Bulk::tell_windows(uint64_t in, uint64_t out) noexcept
{
    if (!traffic_)
        return;
    traffic_->in.window.store(in, std::memory_order_relaxed);
    traffic_->out.window.store(out, std::memory_order_relaxed);
}

void Bulk::await(void *data)
{
    const Arrival arrival = *static_cast<Arrival *>(data); // its owner need not wait for us
    arrival.lane->wait_for(arrival.end);
}

void Bulk::require()
{
    if (count_.load(std::memory_order_acquire) != 0)
        return;
    std::lock_guard lock(mutex_); // the thread has it from the handing over to the welcome
    if (count_.load(std::memory_order_relaxed) == 0)
        fail(EPROTO, "a bulk copy, and no bulk connection");
}

void Bulk::claim(uint64_t number, uint64_t position, uint64_t bytes)
{
    require();
    if (number >= count_.load(std::memory_order_acquire)) {
        std::lock_guard lock(mutex_); // as require()
        if (number >= count_.load(std::memory_order_relaxed))
            fail(EPROTO, "a bulk copy over connection %llu, which there is not",
                 (unsigned long long)number);
    }
    lane_ = lanes_[number].get();
    if (lane_->lost()) {
        std::lock_guard lock(mutex_); // likewise, of the connection that takes its place
    }
    lane_->claim(position, bytes);
    begin_ = position;
    untaken_[number] = position + bytes;
}

CUresult Bulk::copy(Context &context, CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                    CUstream stream)
{
    slots_.pin();
    if (context_.load(std::memory_order_relaxed) != context.handle) {
        std::lock_guard lock(resting_);
        context_.store(context.handle, std::memory_order_relaxed);
    }
    Piece piece{nullptr, Fence(driver_)};
    const uint64_t end = lane_->claimed();
    CUresult result = CUDA_SUCCESS;
    if (!lane_->has(end)) {
        piece.arrival = std::make_unique<Arrival>(Arrival{lane_, end});
        result = driver_.cuLaunchHostFunc(stream, await, piece.arrival.get());
    }
    if (result == CUDA_SUCCESS)
        result = copy_in_parts(to, pitch, width, rows, stream);
    // Also behind a host function alone, whose parameter is to be kept for it.
    if (CUresult marked = piece.fence.add(context.handle, context.events, stream);
        result == CUDA_SUCCESS)
        result = marked;
    pieces_.push_back(std::move(piece));
    return result;
}

// The rows, packed, lie in one slot or two: whole rows at a time, and in two parts that which lies
// across the end.
CUresult Bulk::copy_in_parts(CUdeviceptr to, uint64_t pitch, uint64_t width, uint64_t rows,
                             CUstream stream)
{
    const uint64_t total = width * rows;
    for (uint64_t done = 0; done < total;) {
        const auto place = lane_->place(begin_ + done, total - done);
        const uint64_t row = done / width, column = done % width;
        uint64_t n = place.size();
        CUresult result;
        if (column == 0 && n >= width) {
            const uint64_t whole = n / width;
            n = whole * width;
            result = copy_to_device(driver_, to + row * pitch, place.data(),
                                    {pitch, width, width, whole}, stream);
        } else {
            n = std::min(n, width - column);
            result = copy_to_device(driver_, to + row * pitch + column, place.data(), {n, n, n, 1},
                                    stream);
        }
        if (result != CUDA_SUCCESS)
            return result;
        done += n;
    }
    return CUDA_SUCCESS;
}

Bulk::Taken Bulk::take_claimed()
{
    Taken out{untaken_, std::move(pieces_)};
    untaken_ = {};
    pieces_.clear();
    return out;
}

void Bulk::release(const Taken &taken)
{
    for (const Piece &piece : taken.pieces)
        piece.fence.wait();
    // A copy that failed has no fence, and its bytes may still be on their way.
    for (size_t i = 0; i < taken.ends.size(); ++i)
        if (taken.ends[i] && lanes_[i]->wait_for(taken.ends[i]))
            lanes_[i]->free(taken.ends[i]);
}

bool Bulk::send(const wire::BulkFrame &frame, std::span<const std::byte> data) noexcept
try {
    iovec pieces[] = {{const_cast<wire::BulkFrame *>(&frame), sizeof frame},
                      {const_cast<std::byte *>(data.data()), data.size()}};
    std::lock_guard lock(out_);
    std::array<wire::BulkStream *, wire::kMostBulkLanes> streams;
    unsigned count = 0;
    for (unsigned i = 0; i < count_.load(std::memory_order_acquire); ++i)
        if (!lanes_[i]->lost())
            streams[count++] = lanes_[i]->stream().get(); // which are replaced under out_ alone
    if (count == 0)
        fail(ECONNRESET, "every bulk connection is lost");
    last_out_ = unsigned(
        wire::next_with_room(std::span(streams).first(count), std::min(last_out_, count - 1)));
    wire::BulkStream &stream = *streams[last_out_];
    out_pace_.enter(data.size());
    const uint64_t before = stream.bytes_out();
    stream.write(pieces);
    out_pace_.passed(sizeof frame + data.size(), stream.bytes_out() - before);
    moved_.fetch_add(1, std::memory_order_relaxed);
    observe();
    return true;
} catch (const std::exception &error) {
    // The receiving end reports a dead peer, unless another may come; here it is only worth a word
    // when debugging.
    log(Level::debug, "a bulk copy was not sent: %s", error.what());
    if (door_.lasts)
        break_off(kBytesLost);
    return false;
}

std::optional<std::string> Bulk::failure() const
{
    std::lock_guard lock(mutex_);
    return failure_;
}

void Bulk::shut_down() noexcept
{
    if (!thread_.joinable())
        return;
    {
        std::lock_guard lock(mutex_);
        ended_ = true;
        for (auto &lane : lanes_)
            if (lane)
                lane->shut_down();
    }
    in_pace_.stop();
    out_pace_.stop();
    door_.interrupt();
}

void Bulk::end()
{
    shut_down();
    if (thread_.joinable())
        thread_.join();
    // No reader is left before the first lane goes: each looks at all of them (observe).
    for (auto &lane : lanes_)
        if (lane)
            lane->join();
    for (auto &lane : lanes_)
        lane.reset();
}

} // namespace vgpu::server
