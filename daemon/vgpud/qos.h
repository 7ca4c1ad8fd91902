// SPDX-License-Identifier: Apache-2.0
// How the node's link is shared out among the sessions that are active on it, one direction at a
// time. Arithmetic only: who counts, and when, is traffic.h's business.
//
// Leases count, not processes: a lease has its class's weight and cap however many processes it
// runs, and they have equal parts of that. What one does not use the others have.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace vgpu::control
{

/// One direction of a session.
struct Flow {
    std::string lease;
    double weight = 1; // of the lease
    double cap = 0;    // of the lease, in bytes a second; 0: none

    /// What its worker has counted until now; `elapsed_ns` since the last time.
    void look(uint64_t bytes, uint64_t waited_ns, uint64_t elapsed_ns);

    double rate = 0;   // bytes a second, smoothed over a third of a second
    uint64_t pace = 0; // bytes a second that it may have; 0: as many as it can. share_out()'s

    bool active() const { return idle_ns_ < 300'000'000; }
    double demand() const; // infinite where the pace holds it back

private:
    uint64_t bytes_ = 0, waited_ns_ = 0;
    static constexpr uint64_t kLong = uint64_t(1) << 62;
    uint64_t idle_ns_ = kLong; // since it moved or waited
    uint64_t free_ns_ = kLong; // since it waited
};

/// What of `capacity` each has who wants so much of it: nobody more than he wants while another
/// wants more, and what is left by weight. What nobody wants is given to all by weight.
struct Claim {
    double weight;
    double demand; // may be infinite
};
std::vector<double> divide(double capacity, std::span<const Claim> claims);

/// One direction of the link.
class Link
{
public:
    /// Bytes a second; 0: measured, where it matters.
    explicit Link(double capacity) : given_(capacity) {}

    /// After a look at every flow: sets the pace of each. Where the link's rate is not known, none
    /// is set but for caps, until leases of unlike weights compete.
    void share_out(std::span<Flow *const> flows, uint64_t elapsed_ns);

    double capacity() const { return given_ > 0 ? given_ : measured_; }

private:
    bool measure(std::span<Flow *const> flows, uint64_t elapsed_ns);

    const double given_;
    double measured_ = 0;
    static constexpr uint64_t kFirstMeasureNs = 1'500'000'000;
    uint64_t measure_for_ns_ = kFirstMeasureNs, keep_for_ns_ = 0; // what is left of either
};

} // namespace vgpu::control
