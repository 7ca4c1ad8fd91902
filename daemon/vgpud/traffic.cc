// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/traffic.h"

#include <algorithm>
#include <vector>

#include "remoting/base/clock.h"
#include "remoting/server/traffic-page.h"

namespace vgpu::control
{

namespace
{

using server::TrafficPage;
using server::TrafficWay;

constexpr uint64_t kLookMs = 50;

TrafficPage &page_of(const Mapping &mapping)
{
    return *reinterpret_cast<TrafficPage *>(mapping.data());
}

double bytes(uint64_t bits)
{
    return static_cast<double>(bits) / 8;
}

// Blocks that are sent as they are have headers all the same.
uint64_t saved(const TrafficWay &way)
{
    const auto bytes = static_cast<int64_t>(way.saved.load(std::memory_order_relaxed));
    return static_cast<uint64_t>(std::max<int64_t>(bytes, 0));
}

// Partners: the worker's counts. Each number stands for itself; none is read together with another.
void look_at(Flow &flow, const TrafficWay &way, uint64_t elapsed_ns)
{
    flow.look(way.bytes.load(std::memory_order_relaxed),
              way.waited_ns.load(std::memory_order_relaxed), elapsed_ns);
}

} // namespace

Traffic::Traffic(uv_loop_t *loop, const Conf &conf)
    : loop_(loop), conf_(conf), in_(bytes(conf.link_rate)), out_(bytes(conf.link_rate))
{
}

Fd Traffic::begin(const std::string &session, const Lease &lease, bool on_network)
{
    Fd fd = memfd("vgpu-traffic", sizeof(TrafficPage));
    Live &live = live_[session];
    live.page = Mapping(fd.get(), sizeof(TrafficPage));
    live.on_network = on_network;
    live.qos = lease.qos;
    // Partner: the worker's check when it maps the page.
    page_of(live.page).version.store(server::kTrafficPageVersion, std::memory_order_release);
    const QosClass &qos = conf_.qos_class(lease.qos);
    for (Flow *flow : {&live.in, &live.out}) {
        flow->lease = lease.lease;
        flow->weight = qos.weight;
        flow->cap = bytes(qos.cap);
    }
    if (on_network && !timer_) {
        looked_ns_ = now_ns();
        timer_ = std::make_unique<Timer>(loop_, kLookMs, kLookMs, [this] { look(); });
    }
    if (on_network)
        look(); // so that it begins at its pace
    return fd;
}

void Traffic::end(const std::string &session)
{
    live_.erase(session);
    if (std::none_of(live_.begin(), live_.end(),
                     [](const auto &entry) { return entry.second.on_network; }))
        timer_.reset();
}

void Traffic::look()
{
    const uint64_t now = now_ns();
    const uint64_t elapsed = now - looked_ns_;
    looked_ns_ = now;
    std::vector<Flow *> in, out;
    for (auto &[session, live] : live_) {
        if (!live.on_network)
            continue;
        TrafficPage &page = page_of(live.page);
        look_at(live.in, page.in, elapsed);
        look_at(live.out, page.out, elapsed);
        in.push_back(&live.in);
        out.push_back(&live.out);
    }
    in_.share_out(in, elapsed);
    out_.share_out(out, elapsed);
    for (auto &[session, live] : live_) {
        // Partner: the worker's Pacer.
        TrafficPage &page = page_of(live.page);
        page.in.pace.store(live.in.pace, std::memory_order_relaxed);
        page.out.pace.store(live.out.pace, std::memory_order_relaxed);
    }
}

void Traffic::show(Session &row) const
{
    const auto found = live_.find(row.session);
    if (found == live_.end())
        return;
    const Live &live = found->second;
    const TrafficPage &page = page_of(live.page);
    row.qos = live.qos;
    row.bulk_in = page.in.bytes.load(std::memory_order_relaxed);
    row.bulk_out = page.out.bytes.load(std::memory_order_relaxed);
    row.saved_in = saved(page.in);
    row.saved_out = saved(page.out);
    row.rate_in = static_cast<uint64_t>(live.in.rate);
    row.rate_out = static_cast<uint64_t>(live.out.rate);
    row.pace_in = live.in.pace;
    row.pace_out = live.out.pace;
    row.paced_ns = page.in.waited_ns.load(std::memory_order_relaxed) +
                   page.out.waited_ns.load(std::memory_order_relaxed);
    row.chunk_in = page.in.chunk.load(std::memory_order_relaxed);
    row.chunk_out = page.out.chunk.load(std::memory_order_relaxed);
    row.rtt_us = page.rtt_us.load(std::memory_order_relaxed);
    row.window_in = page.in.window.load(std::memory_order_relaxed);
    row.window_out = page.out.window.load(std::memory_order_relaxed);
    row.connections = page.connections.load(std::memory_order_relaxed);
    row.reconnects = page.reconnects.load(std::memory_order_relaxed);
    row.queue_in = page.in.queue.load(std::memory_order_relaxed);
    row.queue_out = page.out.queue.load(std::memory_order_relaxed);
}

} // namespace vgpu::control
