// SPDX-License-Identifier: Apache-2.0
#include "daemon/vgpud/qos.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace vgpu::control
{

namespace
{

constexpr double kInfinite = std::numeric_limits<double>::infinity();
constexpr double kSmoothNs = 300e6;
constexpr uint64_t kHeldNs = 200'000'000; // so long after it waited, a flow is said to want more
constexpr double kGrowth = 1.25;          // what one that does not wait may want next
constexpr double kLeastPace = 64 << 10;

// What a link of unknown rate carries is what goes over it while nobody is held back: for a moment,
// now and again, since it may change.
constexpr uint64_t kMeasureNs = 500'000'000;
constexpr uint64_t kMeasureAgainNs = 20'000'000'000;

struct Group { // the flows of a lease
    double weight = 1;
    double cap = 0;
    std::vector<Flow *> active, idle;

    double demand() const
    {
        double sum = 0;
        for (const Flow *flow : active)
            sum += flow->demand();
        return cap > 0 ? std::min(sum, cap) : sum;
    }
};

std::map<std::string, Group> by_lease(std::span<Flow *const> flows)
{
    std::map<std::string, Group> groups;
    for (Flow *flow : flows) {
        Group &group = groups[flow->lease];
        group.weight = flow->weight;
        group.cap = flow->cap;
        (flow->active() ? group.active : group.idle).push_back(flow);
    }
    return groups;
}

uint64_t pace_of(double share)
{
    return std::isinf(share) ? 0 : static_cast<uint64_t>(std::max(share, kLeastPace));
}

void share_within(const Group &group, double share)
{
    if (group.cap > 0)
        share = std::min(share, group.cap);
    if (std::isinf(share)) {
        for (Flow *flow : group.active)
            flow->pace = 0;
        return;
    }
    std::vector<Claim> claims;
    for (const Flow *flow : group.active)
        claims.push_back({1, flow->demand()});
    const std::vector<double> parts = divide(share, claims);
    for (size_t i = 0; i < parts.size(); ++i)
        group.active[i]->pace = pace_of(parts[i]);
}

} // namespace

void Flow::look(uint64_t bytes, uint64_t waited_ns, uint64_t elapsed_ns)
{
    const bool waited = waited_ns != waited_ns_;
    const double now = static_cast<double>(bytes - bytes_) * 1e9 /
                       static_cast<double>(std::max<uint64_t>(elapsed_ns, 1));
    idle_ns_ = waited || bytes != bytes_ ? 0 : std::min(idle_ns_ + elapsed_ns, kLong);
    free_ns_ = waited ? 0 : std::min(free_ns_ + elapsed_ns, kLong);
    rate += (now - rate) * (1 - std::exp(-static_cast<double>(elapsed_ns) / kSmoothNs));
    bytes_ = bytes;
    waited_ns_ = waited_ns;
}

double Flow::demand() const
{
    return free_ns_ < kHeldNs ? kInfinite : std::max(rate * kGrowth, kLeastPace);
}

std::vector<double> divide(double capacity, std::span<const Claim> claims)
{
    std::vector<double> parts(claims.size(), 0);
    std::vector<size_t> open(claims.size());
    double weights = 0;
    for (size_t i = 0; i < claims.size(); ++i) {
        open[i] = i;
        weights += claims[i].weight;
    }
    const double all_weights = weights;
    // Whoever wants less than his share gets what he wants, and the others' shares grow by it.
    while (!open.empty()) {
        const double each = capacity / weights;
        double given = 0, gone = 0;
        auto content = [&](size_t i) {
            if (claims[i].demand > each * claims[i].weight)
                return false;
            parts[i] = claims[i].demand;
            given += parts[i];
            gone += claims[i].weight;
            return true;
        };
        if (std::erase_if(open, content) == 0) {
            for (size_t i : open)
                parts[i] = each * claims[i].weight;
            return parts;
        }
        capacity -= given;
        weights -= gone;
    }
    for (size_t i = 0; i < claims.size(); ++i)
        parts[i] += capacity * claims[i].weight / all_weights;
    return parts;
}

bool Link::measure(std::span<Flow *const> flows, uint64_t elapsed_ns)
{
    std::set<std::string> leases;
    std::set<double> weights;
    double total = 0;
    for (const Flow *flow : flows) {
        if (!flow->active())
            continue;
        total += flow->rate;
        leases.insert(flow->lease);
        weights.insert(flow->weight);
    }
    if (leases.size() < 2 || weights.size() < 2) {
        measured_ = 0;
        measure_for_ns_ = kFirstMeasureNs;
        return false;
    }
    if (measure_for_ns_ > elapsed_ns) {
        measure_for_ns_ -= elapsed_ns;
        keep_for_ns_ = kMeasureAgainNs;
        measured_ = total;
        return false;
    }
    if (keep_for_ns_ <= elapsed_ns)
        measure_for_ns_ = kMeasureNs;
    else
        keep_for_ns_ -= elapsed_ns;
    return true;
}

void Link::share_out(std::span<Flow *const> flows, uint64_t elapsed_ns)
{
    const bool known = given_ > 0 || measure(flows, elapsed_ns);
    const double link = known ? capacity() : kInfinite;
    const std::map<std::string, Group> groups = by_lease(flows);
    std::vector<Claim> claims;
    double weights = 0;
    for (const auto &[lease, group] : groups) {
        if (group.active.empty())
            continue;
        claims.push_back({group.weight, group.demand()});
        weights += group.weight;
    }
    std::vector<double> shares(claims.size(), kInfinite);
    if (known)
        shares = divide(link, claims);
    auto share = shares.begin();
    for (const auto &[lease, group] : groups) {
        if (!group.active.empty())
            share_within(group, *share++);
        // Who begins does so at what would be his if all the others went on.
        double first = link * group.weight / (weights + (group.active.empty() ? group.weight : 0));
        if (group.cap > 0)
            first = std::min(first, group.cap);
        for (Flow *flow : group.idle)
            flow->pace = pace_of(first / static_cast<double>(group.active.size() + 1));
    }
}

} // namespace vgpu::control
