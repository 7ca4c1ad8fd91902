// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/graph.h"

#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace vgpu::soft::driver
{

/// One thing that an executable graph does.
struct Step {
    Node *node = nullptr; ///< in the executable graph's own copy
    std::function<void()> run;
    std::vector<size_t> after; ///< earlier steps of the plan
    bool application = false;  ///< runs the application's code
};

struct Plan {
    std::vector<Step> steps; ///< each after those it depends on
    std::vector<size_t> ends;

    /// One after the other on this thread: the body of a conditional node.
    void run_here() const;
};

/// A graph made ready to be launched. It keeps its own copy of the graph; changes to parameters go
/// there.
class Exec : public std::enable_shared_from_this<Exec>
{
public:
    Exec(const Graph &graph, unsigned long long flags);
    ~Exec();

    uint64_t id = 0;
    const unsigned long long flags;

    void launch(Stream &stream);
    ChildNode as_child() const; ///< what a launch into a captured stream becomes

    /// The copy of a node of the graph that this was made from. Throws INVALID_VALUE.
    Node &find(const Node &original) const;
    /// Replaces a node's payload by one of the same kind.
    void change(Node &copy, Payload payload);

    void change_child(Node &copy, const Graph &child);
    void enable(Node &copy, bool enabled);
    static bool can_be_disabled(const Node &node);

    /// Takes over all parameters of `graph` if it has the same shape.
    CUgraphExecUpdateResult update(const Graph &graph, const Node **theirs, Node **ours);

private:
    void compile();
    void settle_memory(std::vector<std::shared_ptr<GraphMemory>> &freed_first);
    Stream &lane(size_t number, Stream &first, std::shared_ptr<Context> context);

    std::mutex lock_; ///< one launch at a time
    std::shared_ptr<Graph> graph_;
    std::weak_ptr<Graph> source_; ///< to allow one instance only where there is memory
    Plan plan_;
    std::vector<std::shared_ptr<Condition>> conditions_;
    std::vector<std::shared_ptr<Stream>> lanes_; ///< beside the stream of the launch
    Point last_; ///< a launch follows the one before, whatever its stream
};

/// What a payload does, checked. Child graphs and empty nodes have none.
std::function<void()> action_of(const Payload &payload);

/// Why a node of an executable graph cannot have these parameters, or SUCCESS.
CUgraphExecUpdateResult replaceable(const Payload &old, const Payload &now);

} // namespace vgpu::soft::driver
