// SPDX-License-Identifier: Apache-2.0
#include "remoting/nvml/library.h"

#include "remoting/base/clock.h"
#include "remoting/base/error.h"
#include "remoting/base/log.h"
#include "remoting/base/variables.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace vgpu::nvml
{
namespace
{

// A tool asks a dozen things of each device in one go: one look at vgpud serves them all.
constexpr uint64_t kFreshNs = 10'000'000;
// How long the last answer stands in for one that could not be had, as when vgpud is asked more
// often than it lets one user connect.
constexpr uint64_t kStandInNs = 2'000'000'000;
constexpr unsigned kNoGpusFlag = 1;

} // namespace

Library &Library::get()
{
    static Library *library = new Library; // for the program's exit handlers too
    return *library;
}

Result Library::start(unsigned flags)
{
    std::scoped_lock lock(mutex_);
    if (users_++)
        return kSuccess;
    const char *path = getenv(kLeaseVariable.env);
    try {
        if (!path)
            fail(ENODEV, "no vgpu lease: run under sbatch --gres=vgpu:N or vgpu-run");
        lease_ = wire::read_lease_file(path);
        first_ = latest_ = fetch(lease_);
        fetched_ns_ = now_ns();
        return kSuccess;
    } catch (const Error &error) {
        first_.clear();
        latest_.clear();
        if (flags & kNoGpusFlag)
            return kSuccess;
        --users_;
        log(Level::error, "libnvidia-ml: %s", error.what());
        return error.code() == EACCES || error.code() == EPERM ? kNoPermission : kDriverNotLoaded;
    } catch (...) {
        --users_;
        throw;
    }
}

Result Library::stop()
{
    std::scoped_lock lock(mutex_);
    if (!users_)
        return kUninitialized;
    --users_;
    return kSuccess;
}

bool Library::started()
{
    std::scoped_lock lock(mutex_);
    return users_ > 0;
}

// A handle is no address: whatever a program hands in can be judged.
Handle Library::handle(unsigned index)
{
    return reinterpret_cast<Handle>(uintptr_t(index) + 1);
}

unsigned Library::index(Handle device)
{
    const auto number = reinterpret_cast<uintptr_t>(device) - 1;
    if (number >= first_.size())
        throw Answer{kInvalidArgument};
    return unsigned(number);
}

const Slice &Library::slice(Handle device)
{
    return first_[index(device)];
}

unsigned Library::count()
{
    return unsigned(first_.size());
}

void Library::refresh()
{
    const uint64_t age = now_ns() - fetched_ns_;
    if (age < kFreshNs)
        return;
    try {
        Slices slices = fetch(lease_);
        if (slices.size() != first_.size())
            fail(EPROTO, "lease %s has changed its slices", lease_.lease.c_str());
        latest_ = std::move(slices);
        fetched_ns_ = now_ns();
    } catch (const Error &error) {
        if (error.code() != ENOENT && age < kStandInNs)
            return;
        log(Level::warning, "libnvidia-ml: %s", error.what());
        throw Answer{kGpuIsLost};
    }
}

Slice Library::now(Handle device)
{
    const unsigned number = index(device);
    std::scoped_lock lock(mutex_);
    refresh();
    return latest_[number];
}

namespace
{

uint64_t reading(const std::string &name, Handle device)
{
    const Slice slice = Library::get().now(device);
    const auto found = slice.readings.find(name);
    if (found == slice.readings.end())
        throw Answer{kNotSupported};
    return found->second;
}

} // namespace

Result read(const char *name, Handle device, unsigned *value)
{
    need(value);
    *value = unsigned(reading(name, device));
    return kSuccess;
}

Result read_kind(const char *name, unsigned kinds, Handle device, unsigned kind, unsigned *value)
{
    need(value);
    Library::get().index(device);
    // The vendor's own knows further kinds of some, that no reading stands behind.
    if (kind >= kinds)
        return kNotSupported;
    *value = unsigned(reading(std::string(name) + "." + std::to_string(kind), device));
    return kSuccess;
}

Result read_pair(const char *name, Handle device, unsigned *first, unsigned *second)
{
    need(first, second);
    *first = unsigned(reading(name, device));
    *second = unsigned(reading(std::string(name) + ".1", device));
    return kSuccess;
}

Result read_wide(const char *name, Handle device, unsigned long long *value)
{
    need(value);
    *value = reading(name, device);
    return kSuccess;
}

Result answer_zero(Handle device, unsigned *value)
{
    need(value);
    Library::get().index(device);
    *value = 0;
    return kSuccess;
}

Result answer_none(unsigned *count)
{
    need(count);
    *count = 0;
    return kSuccess;
}

Result put_text(const std::string &text, char *to, unsigned length)
{
    need(to);
    if (text.size() >= length)
        return kInsufficientSize;
    std::memcpy(to, text.c_str(), text.size() + 1);
    return kSuccess;
}

} // namespace vgpu::nvml
