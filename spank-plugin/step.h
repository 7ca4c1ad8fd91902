// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <memory>
#include <string>

#include "spank-plugin/arguments.h"
#include "spank-plugin/place.h"
#include "spank-plugin/renewer.h"
#include "spank-plugin/slurm.h"

// A step in its step daemon: takes one lease for all its tasks on this node, and gives it back.
namespace vgpu::spank
{

class Step
{
public:
    /// As root, before any task. Does not throw: a failure here would drain the node, so it is kept
    /// for the tasks.
    void prepare(spank_t handle, int count, char **words) noexcept;

    /// What the user is told instead of starting a task; empty if all is well.
    const std::string &error() const { return error_; }

    /// As root, after the last task.
    void finish() noexcept;

private:
    void acquire(spank_t handle, int count, char **words);
    void set_environment(spank_t handle, const std::string &lease_path);

    std::string error_;
    control::Conf conf_;
    std::string lease_; ///< ours to release; empty if none, or if it is the batch step's
    std::unique_ptr<Place> place_;
    std::unique_ptr<Renewer> renewer_;
};

/// Takes out of the environment what a surrounding job with vgpus has put into it.
void clear_environment(spank_t handle);

} // namespace vgpu::spank
