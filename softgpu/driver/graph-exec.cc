// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph-exec.h"
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/machine.h"

#include <algorithm>
#include <functional>

namespace vgpu::soft::driver
{
namespace
{

/// Branches of a graph run side by side in this many streams; kernels use all cores by themselves.
constexpr size_t kLanes = 4;

void each_node(const Graph &graph, const std::function<void(Node &)> &body)
{
    for (auto &node : graph.nodes()) {
        body(*node);
        if (auto *child = std::get_if<ChildNode>(&node->payload))
            each_node(*child->graph, body);
        if (auto *conditional = std::get_if<ConditionalNode>(&node->payload))
            for (auto &inner : conditional->bodies)
                each_node(*inner, body);
    }
}

Plan plan_of(const Graph &graph);

/// Runs the bodies as the condition asks, anew after each round of a loop.
std::function<void()> action_of_conditional(const ConditionalNode &node)
{
    std::vector<Plan> plans;
    for (auto &body : node.bodies) {
        require(!body->has_memory(), CUDA_ERROR_NOT_SUPPORTED);
        plans.push_back(plan_of(*body));
    }
    return [plans = std::move(plans), condition = node.condition, way = node.way] {
        auto context = condition->context.lock();
        auto over = [&] { return !context || context->broken() || context->cancelled(); };
        using enum ConditionalNode::Way;
        if (way == loop) {
            while (condition->value && !over())
                plans[0].run_here();
        } else if (way == choose) {
            if (unsigned which = condition->value; which < plans.size() && !over())
                plans[which].run_here();
        } else if (condition->value) {
            plans[0].run_here();
        } else if (plans.size() > 1) {
            plans[1].run_here();
        }
    };
}

/// Appends the steps of `graph`, which follow `entry`; returns the steps that end it.
std::vector<size_t> append(const Graph &graph, const std::vector<size_t> &entry, Plan &plan)
{
    std::map<const Node *, std::vector<size_t>> ends;
    std::vector<size_t> last;
    for (Node *node : graph.order()) {
        std::vector<size_t> after;
        for (Node *before : node->before)
            after.insert(after.end(), ends[before].begin(), ends[before].end());
        if (node->before.empty())
            after = entry;
        std::sort(after.begin(), after.end());
        after.erase(std::unique(after.begin(), after.end()), after.end());
        auto *child = std::get_if<ChildNode>(&node->payload);
        bool nothing = std::holds_alternative<EmptyNode>(node->payload) && after.size() < 2;
        if (child) {
            ends[node] = append(*child->graph, after, plan);
        } else if (nothing) {
            ends[node] = after;
        } else {
            Step step{node, {}, after};
            if (auto *conditional = std::get_if<ConditionalNode>(&node->payload)) {
                step.run = action_of_conditional(*conditional);
                for (auto &body : conditional->bodies)
                    each_node(*body, [&](Node &inner) {
                        step.application |= std::holds_alternative<HostNode>(inner.payload);
                    });
            } else {
                step.run = action_of(node->payload);
                step.application = std::holds_alternative<HostNode>(node->payload);
            }
            plan.steps.push_back(std::move(step));
            ends[node] = {plan.steps.size() - 1};
        }
        if (node->after.empty())
            last.insert(last.end(), ends[node].begin(), ends[node].end());
    }
    return graph.nodes().empty() ? entry : last;
}

Plan plan_of(const Graph &graph)
{
    Plan plan;
    plan.ends = append(graph, {}, plan);
    return plan;
}

} // namespace

void Plan::run_here() const
{
    for (auto &step : steps)
        if (step.node->enabled && step.run)
            step.run();
}

Exec::Exec(const Graph &graph, unsigned long long flags)
    : flags(flags), graph_(graph.clone(false)),
      source_(const_cast<Graph &>(graph).shared_from_this())
{
    compile();
    if (graph.has_memory()) {
        auto source = source_.lock();
        require(!source->instantiated, CUDA_ERROR_NOT_SUPPORTED);
        source->instantiated = true;
    } else {
        source_.reset();
    }
}

Exec::~Exec()
{
    std::lock_guard hold(graph_lock());
    if (auto source = source_.lock())
        source->instantiated = false;
    // What was launched is done: its last work held this. The lanes' threads may go.
    for (auto &lane : lanes_) {
        if (auto context = lane->context.lock())
            context->disown(*lane);
        lane->close();
    }
    graph_.reset();
}

void Exec::compile()
{
    plan_ = plan_of(*graph_);
    conditions_.clear();
    each_node(*graph_, [&](Node &node) {
        if (auto *conditional = std::get_if<ConditionalNode>(&node.payload))
            if (conditional->condition->assign)
                conditions_.push_back(conditional->condition);
    });
}

Stream &Exec::lane(size_t number, Stream &first, std::shared_ptr<Context> context)
{
    if (number == 0)
        return first;
    while (lanes_.size() < number) {
        auto made =
            std::make_shared<Stream>(context, Stream::Role::created, CU_STREAM_NON_BLOCKING, 0);
        context->adopt(made);
        lanes_.push_back(made);
    }
    return *lanes_[number - 1];
}

/// Says to the graph's allocations that they are launched, and to those it frees that they are
/// freed.
void Exec::settle_memory(std::vector<std::shared_ptr<GraphMemory>> &freed_first)
{
    std::vector<std::shared_ptr<GraphMemory>> made;
    std::vector<GraphMemory *> freed;
    each_node(*graph_, [&](Node &node) {
        if (auto *alloc = std::get_if<AllocNode>(&node.payload))
            made.push_back(alloc->memory);
        if (auto *free = std::get_if<FreeNode>(&node.payload))
            freed.push_back(free->memory.get());
    });
    for (auto &memory : made) {
        if (!memory->outstanding())
            continue;
        require(flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
        freed_first.push_back(memory);
    }
    for (auto *memory : freed)
        if (std::none_of(made.begin(), made.end(), [&](auto &own) { return own.get() == memory; }))
            memory->free();
    for (auto &memory : freed_first)
        memory->free();
    for (auto &memory : made)
        memory->launch(std::find(freed.begin(), freed.end(), memory.get()) != freed.end());
}

void Exec::launch(Stream &stream)
{
    auto context = stream.context.lock();
    require(context != nullptr, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    context->check();
    std::lock_guard hold(lock_);
    std::vector<std::shared_ptr<GraphMemory>> freed_first;
    settle_memory(freed_first);
    Point start = context->submit(stream, {[freed_first, conditions = conditions_] {
                                               for (auto &memory : freed_first)
                                                   memory->end();
                                               for (auto &condition : conditions)
                                                   condition->value = condition->initial;
                                           },
                                           {last_}});
    std::vector<Point> reached(plan_.steps.size());
    std::vector<size_t> lane_of(plan_.steps.size());
    std::vector<size_t> tails; // the last step of each lane
    for (size_t i = 0; i < plan_.steps.size(); i++) {
        Step &step = plan_.steps[i];
        // Behind a step that it follows anyway, else beside all of them while there is room.
        size_t number = std::min(tails.size(), kLanes - 1);
        for (size_t before : step.after)
            if (tails[lane_of[before]] == before)
                number = lane_of[before];
        if (number == tails.size())
            tails.push_back(i);
        tails[number] = i;
        lane_of[i] = number;
        Stream &where = lane(number, stream, context);
        Work work{step.node->enabled ? step.run : nullptr, {}, step.application};
        if (!work.run)
            work.run = [] {};
        if (number != 0 && step.after.empty())
            work.after.push_back(start);
        for (size_t before : step.after)
            if (lane_of[before] != number)
                work.after.push_back(reached[before]);
        auto push = [&](Work what) {
            what.after.insert(what.after.end(), work.after.begin(), work.after.end());
            return number ? where.push(std::move(what)) : context->submit(where, std::move(what));
        };
        if (auto *wait = std::get_if<WaitNode>(&step.node->payload)) {
            // What the event stands for is decided by the launch, as in a stream.
            if (auto recording = wait->event->last())
                work.after.push_back(recording->point);
            work.run = [] {};
        }
        if (auto *record = std::get_if<RecordNode>(&step.node->payload);
            record && step.node->enabled)
            record->event->record([&](Work what) { return reached[i] = push(std::move(what)); });
        else
            reached[i] = push({std::move(work.run), {}, work.application});
    }
    Work end{[self = shared_from_this()] {}, {}};
    for (size_t tail : tails)
        if (lane_of[tail] != 0)
            end.after.push_back(reached[tail]);
    last_ = context->submit(stream, std::move(end));
}

ChildNode Exec::as_child() const
{
    std::lock_guard hold(graph_lock());
    require(!graph_->has_memory(), CUDA_ERROR_NOT_SUPPORTED);
    return {graph_->clone(true)};
}

Node &Exec::find(const Node &original) const
{
    Node *found = nullptr;
    each_node(*graph_, [&](Node &node) {
        if (node.origin == original.id)
            found = &node;
    });
    require(found != nullptr);
    return *found;
}

void Exec::change(Node &copy, Payload payload)
{
    std::lock_guard hold(lock_);
    require(copy.payload.index() == payload.index());
    require(replaceable(copy.payload, payload) == CU_GRAPH_EXEC_UPDATE_SUCCESS);
    action_of(payload);
    copy.payload = std::move(payload);
    compile();
}

bool Exec::can_be_disabled(const Node &node)
{
    return std::holds_alternative<KernelNode>(node.payload) ||
           std::holds_alternative<CopyNode>(node.payload) ||
           std::holds_alternative<FillNode>(node.payload);
}

void Exec::enable(Node &copy, bool enabled)
{
    std::lock_guard hold(lock_);
    require(can_be_disabled(copy));
    copy.enabled = enabled;
}

namespace
{

/// The pairs of nodes of two graphs of one shape, in the order in which they were made.
struct Match {
    std::vector<std::pair<Node *, Node *>> pairs;
    CUgraphExecUpdateResult result = CU_GRAPH_EXEC_UPDATE_SUCCESS;
    Node *ours = nullptr, *theirs = nullptr;

    void fail(CUgraphExecUpdateResult why, Node *own, Node *other)
    {
        if (result == CU_GRAPH_EXEC_UPDATE_SUCCESS) {
            result = why;
            ours = own;
            theirs = other;
        }
    }

    void compare(const Graph &own, const Graph &other)
    {
        if (own.nodes().size() != other.nodes().size())
            return fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, nullptr, nullptr);
        std::map<const Node *, const Node *> twin;
        for (size_t i = 0; i < own.nodes().size(); i++)
            twin[other.nodes()[i].get()] = own.nodes()[i].get();
        for (size_t i = 0; i < own.nodes().size(); i++) {
            Node *a = own.nodes()[i].get(), *b = other.nodes()[i].get();
            bool same = a->before.size() == b->before.size();
            for (Node *before : b->before)
                same = same && std::find(a->before.begin(), a->before.end(), twin[before]) !=
                                   a->before.end();
            if (!same)
                return fail(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, a, b);
            if (a->payload.index() != b->payload.index())
                return fail(CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED, a, b);
            if (auto why = replaceable(a->payload, b->payload))
                return fail(why, a, b);
            pairs.emplace_back(a, b);
            if (auto *child = std::get_if<ChildNode>(&a->payload))
                compare(*child->graph, *payload_of<ChildNode>(*b).graph);
            if (auto *conditional = std::get_if<ConditionalNode>(&a->payload)) {
                auto &bodies = payload_of<ConditionalNode>(*b).bodies;
                if (bodies.size() != conditional->bodies.size())
                    return fail(CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED, a, b);
                for (size_t body = 0; body < bodies.size(); body++)
                    compare(*conditional->bodies[body], *bodies[body]);
            }
        }
    }
};

void take_over(const Match &match)
{
    for (auto [own, other] : match.pairs)
        if (own->type() != CU_GRAPH_NODE_TYPE_GRAPH && !std::get_if<ConditionalNode>(&own->payload))
            own->payload = other->payload;
}

} // namespace

void Exec::change_child(Node &copy, const Graph &child)
{
    std::lock_guard hold(lock_);
    Match match;
    match.compare(*payload_of<ChildNode>(copy).graph, child);
    require(match.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);
    take_over(match);
    compile();
}

CUgraphExecUpdateResult Exec::update(const Graph &graph, const Node **theirs, Node **ours)
{
    std::lock_guard hold(lock_);
    Match match;
    match.compare(*graph_, graph);
    *theirs = match.theirs;
    *ours = match.ours;
    if (match.result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
        return match.result;
    take_over(match);
    compile();
    return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

} // namespace vgpu::soft::driver
