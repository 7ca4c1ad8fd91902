// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/graph.h"
#include "softgpu/driver/machine.h"

#include <algorithm>

namespace vgpu::soft::driver
{
namespace
{

template<class T>
bool has(const std::vector<T *> &list, const T *item)
{
    return std::find(list.begin(), list.end(), item) != list.end();
}

} // namespace

std::recursive_mutex &graph_lock()
{
    static auto &lock = *new std::recursive_mutex;
    return lock;
}

CUgraphNodeType Node::type() const
{
    struct {
        CUgraphNodeType operator()(const KernelNode &) { return CU_GRAPH_NODE_TYPE_KERNEL; }
        CUgraphNodeType operator()(const CopyNode &) { return CU_GRAPH_NODE_TYPE_MEMCPY; }
        CUgraphNodeType operator()(const FillNode &) { return CU_GRAPH_NODE_TYPE_MEMSET; }
        CUgraphNodeType operator()(const HostNode &) { return CU_GRAPH_NODE_TYPE_HOST; }
        CUgraphNodeType operator()(const ChildNode &) { return CU_GRAPH_NODE_TYPE_GRAPH; }
        CUgraphNodeType operator()(const EmptyNode &) { return CU_GRAPH_NODE_TYPE_EMPTY; }
        CUgraphNodeType operator()(const RecordNode &) { return CU_GRAPH_NODE_TYPE_EVENT_RECORD; }
        CUgraphNodeType operator()(const WaitNode &) { return CU_GRAPH_NODE_TYPE_WAIT_EVENT; }
        CUgraphNodeType operator()(const AllocNode &) { return CU_GRAPH_NODE_TYPE_MEM_ALLOC; }
        CUgraphNodeType operator()(const FreeNode &) { return CU_GRAPH_NODE_TYPE_MEM_FREE; }
        CUgraphNodeType operator()(const BatchNode &) { return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP; }
        CUgraphNodeType operator()(const ConditionalNode &)
        {
            return static_cast<CUgraphNodeType>(13); // CUDA 12.3 gave it its name
        }
    } name;
    return std::visit(name, payload);
}

void UserObject::release(unsigned count)
{
    require(count && count <= references);
    references -= count;
    if (references)
        return;
    machine().user_objects.remove(id);
    destroy(pointer);
}

std::shared_ptr<Graph> Graph::create(bool listed)
{
    std::shared_ptr<Graph> graph(new Graph(listed));
    if (listed)
        machine().graphs.add(graph);
    return graph;
}

Graph::~Graph()
{
    for (auto &[object, count] : objects_)
        object->release(count);
}

/// Tells the graphs inside a node to whom they belong.
void Graph::own(Node &node)
{
    if (auto *child = std::get_if<ChildNode>(&node.payload))
        child->graph->holder = &node;
    if (auto *conditional = std::get_if<ConditionalNode>(&node.payload))
        for (auto &body : conditional->bodies)
            body->holder = &node;
}

Node &Graph::add(Payload payload, const std::vector<Node *> &before)
{
    for (size_t i = 0; i < before.size(); i++)
        require(std::find(before.begin() + static_cast<long>(i) + 1, before.end(), before[i]) ==
                before.end());
    auto node = std::make_shared<Node>();
    node->graph = this;
    node->payload = std::move(payload);
    own(*node);
    if (listed_)
        machine().nodes.add(node);
    nodes_.push_back(node);
    for (Node *other : before)
        link(*other, *node);
    return *node;
}

void Graph::remove(Node &node)
{
    for (Node *other : node.before)
        std::erase(other->after, &node);
    for (Node *other : node.after)
        std::erase(other->before, &node);
    machine().nodes.remove(node.id);
    if (auto *child = std::get_if<ChildNode>(&node.payload))
        child->graph->unlist();
    if (auto *conditional = std::get_if<ConditionalNode>(&node.payload))
        for (auto &body : conditional->bodies)
            body->unlist();
    std::erase_if(nodes_, [&](auto &own) { return own.get() == &node; });
}

void Graph::link(Node &from, Node &to)
{
    require(&from != &to && from.graph == this && to.graph == this && !has(from.after, &to));
    from.after.push_back(&to);
    to.before.push_back(&from);
}

void Graph::unlink(Node &from, Node &to)
{
    require(has(from.after, &to));
    std::erase(from.after, &to);
    std::erase(to.before, &from);
}

std::vector<Node *> Graph::roots() const
{
    std::vector<Node *> list;
    for (auto &node : nodes_)
        if (node->before.empty())
            list.push_back(node.get());
    return list;
}

std::vector<Node *> Graph::order() const
{
    std::map<const Node *, size_t> waits;
    std::vector<Node *> list = roots();
    for (auto &node : nodes_)
        waits[node.get()] = node->before.size();
    for (size_t i = 0; i < list.size(); i++)
        for (Node *next : list[i]->after)
            if (--waits[next] == 0)
                list.push_back(next);
    require(list.size() == nodes_.size());
    return list;
}

bool Graph::has_memory() const
{
    return std::any_of(nodes_.begin(), nodes_.end(), [](auto &node) {
        if (auto *child = std::get_if<ChildNode>(&node->payload))
            return child->graph->has_memory();
        return std::holds_alternative<AllocNode>(node->payload) ||
               std::holds_alternative<FreeNode>(node->payload);
    });
}

Payload Graph::copy_of(const Payload &payload, bool listed) const
{
    Payload copy = payload;
    if (auto *child = std::get_if<ChildNode>(&copy))
        child->graph = child->graph->clone(listed);
    if (auto *conditional = std::get_if<ConditionalNode>(&copy)) {
        conditional->handles = std::make_shared<std::vector<CUgraph>>();
        for (auto &body : conditional->bodies) {
            body = body->clone(listed);
            conditional->handles->push_back(handle_of<CUgraph>(*body));
        }
    }
    return copy;
}

std::shared_ptr<Graph> Graph::clone(bool listed) const
{
    auto copy = create(listed);
    copy->origin = id;
    std::map<const Node *, Node *> twin;
    for (auto &node : nodes_) {
        Node &made = copy->add(copy_of(node->payload, listed), {});
        made.origin = node->id;
        twin[node.get()] = &made;
    }
    for (auto &node : nodes_)
        for (Node *next : node->after)
            twin[node.get()]->after.push_back(twin[next]);
    for (auto &node : nodes_)
        for (Node *previous : node->before)
            twin[node.get()]->before.push_back(twin[previous]);
    copy->conditions = conditions;
    for (auto &[object, count] : objects_)
        copy->retain(object, count);
    return copy;
}

void Graph::unlist()
{
    machine().graphs.remove(id);
    for (auto &node : nodes_) {
        machine().nodes.remove(node->id);
        if (auto *child = std::get_if<ChildNode>(&node->payload))
            child->graph->unlist();
        if (auto *conditional = std::get_if<ConditionalNode>(&node->payload))
            for (auto &body : conditional->bodies)
                body->unlist();
    }
}

void Graph::retain(std::shared_ptr<UserObject> object, unsigned count)
{
    object->references += count;
    objects_[object] += count;
}

void Graph::release(UserObject &object, unsigned count)
{
    auto it = std::find_if(objects_.begin(), objects_.end(),
                           [&](auto &entry) { return entry.first.get() == &object; });
    require(it != objects_.end() && count && count <= it->second);
    auto keep = it->first;
    if ((it->second -= count) == 0)
        objects_.erase(it);
    keep->release(count);
}

std::shared_ptr<Graph> graph_of(CUgraph handle)
{
    return machine().graphs.get(handle, CUDA_ERROR_INVALID_VALUE);
}

std::shared_ptr<Node> node_of(CUgraphNode handle)
{
    return machine().nodes.get(handle, CUDA_ERROR_INVALID_VALUE);
}

std::vector<Node *> nodes_of(const CUgraphNode *handles, size_t count, const Graph &graph)
{
    require(handles || !count);
    std::vector<Node *> list;
    for (size_t i = 0; i < count; i++) {
        auto node = node_of(handles[i]);
        require(node->graph == &graph);
        list.push_back(node.get());
    }
    return list;
}

} // namespace vgpu::soft::driver
