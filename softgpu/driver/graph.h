// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/driver/copy.h"
#include "softgpu/driver/launch.h"

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <variant>
#include <vector>

// Graphs: nodes that say what is to be done, and edges that say in which order. A node's payload is
// checked when it is put in and again when the graph is instantiated.

namespace vgpu::soft::driver
{

class Event;
class Graph;
class GraphMemory;

/// Guards all graphs and what captures into them. Recursive: capturing adds nodes from within.
std::recursive_mutex &graph_lock();

/// A kernel's parameters, and pointers to each as cuGraphKernelNodeGetParams gives them out.
struct Arguments {
    std::vector<std::byte> bytes;
    std::vector<void *> pointers;
};

struct KernelNode {
    std::weak_ptr<Context> context;
    CUfunction function = nullptr; ///< one of the two
    CUkernel kernel = nullptr;
    Shape shape;
    std::shared_ptr<Arguments> arguments; ///< never changed, so that copies of the node share it
    std::map<int, CUlaunchAttributeValue> attributes;
};

struct CopyNode {
    std::weak_ptr<Context> context;
    CUDA_MEMCPY3D copy{};
};

struct FillNode {
    std::weak_ptr<Context> context;
    CUDA_MEMSET_NODE_PARAMS fill{};
};

struct HostNode {
    CUDA_HOST_NODE_PARAMS call{};
};

struct ChildNode {
    std::shared_ptr<Graph> graph; ///< the node's own
};

struct EmptyNode {
};

struct RecordNode {
    std::shared_ptr<Event> event;
};

struct WaitNode {
    std::shared_ptr<Event> event;
};

struct AllocNode {
    std::shared_ptr<GraphMemory> memory;
    std::vector<CUmemAccessDesc> access;
};

struct FreeNode {
    CUdeviceptr pointer = 0;
    std::shared_ptr<GraphMemory> memory;
};

struct BatchNode {
    std::weak_ptr<Context> context;
    std::vector<CUstreamBatchMemOpParams> operations;
    unsigned flags = 0;
};

/// A number that kernels set and conditional nodes ask for.
struct Condition {
    uint64_t id = 0;
    std::weak_ptr<Context> context;
    unsigned initial = 0;
    bool assign = false; ///< `initial` is assigned at each launch
    std::atomic<unsigned> value{0};
};

struct ConditionalNode {
    enum class Way { once, loop, choose };
    std::shared_ptr<Condition> condition;
    Way way = Way::once;
    std::vector<std::shared_ptr<Graph>> bodies;
    std::shared_ptr<std::vector<CUgraph>> handles; ///< what the application is given to read
};

using Payload = std::variant<KernelNode, CopyNode, FillNode, HostNode, ChildNode, EmptyNode,
                             RecordNode, WaitNode, AllocNode, FreeNode, BatchNode, ConditionalNode>;

struct Node {
    uint64_t id = 0;     ///< 0 in the copy that an executable graph keeps
    uint64_t origin = 0; ///< of a copy: the id of what it was copied from
    Graph *graph = nullptr;
    Payload payload;
    std::vector<Node *> before, after;
    bool enabled = true; ///< in an executable graph

    CUgraphNodeType type() const;
};

/// Something of the application's that lives as long as graphs refer to it.
struct UserObject {
    uint64_t id = 0;
    unsigned references = 0;
    void *pointer = nullptr;
    CUhostFn destroy = nullptr;

    void release(unsigned count); ///< with the last one the application's destructor runs
};

class Graph : public std::enable_shared_from_this<Graph>
{
public:
    /// `listed`: the graph and its nodes get handles.
    static std::shared_ptr<Graph> create(bool listed);
    ~Graph();

    uint64_t id = 0;
    uint64_t origin = 0;    ///< of a clone
    Node *holder = nullptr; ///< the child or conditional node that it belongs to
    bool instantiated = false;

    const std::vector<std::shared_ptr<Node>> &nodes() const { return nodes_; }
    Node &add(Payload payload, const std::vector<Node *> &before);
    void remove(Node &node);
    void link(Node &from, Node &to); ///< throws if the edge is there
    void unlink(Node &from, Node &to);

    std::vector<Node *> roots() const;
    std::vector<Node *> order() const; ///< each after those it depends on; throws for a circle
    bool has_memory() const;           ///< allocates or frees: such a graph cannot be copied

    std::shared_ptr<Graph> clone(bool listed) const;
    /// Takes the graph and its nodes out of the application's sight.
    void unlist();

    void retain(std::shared_ptr<UserObject> object, unsigned count);
    void release(UserObject &object, unsigned count);

    std::map<uint64_t, std::shared_ptr<Condition>> conditions;

private:
    explicit Graph(bool listed) : listed_(listed) {}
    Payload copy_of(const Payload &payload, bool listed) const;
    void own(Node &node);

    const bool listed_;
    std::vector<std::shared_ptr<Node>> nodes_;
    std::map<std::shared_ptr<UserObject>, unsigned> objects_;
};

std::shared_ptr<Graph> graph_of(CUgraph handle);
/// Both must be nodes of a graph that lives; the second form also says of which.
std::shared_ptr<Node> node_of(CUgraphNode handle);
std::vector<Node *> nodes_of(const CUgraphNode *handles, size_t count, const Graph &graph);

#if CUDA_VERSION >= 12030
/// Only plain edges exist: others came with compute capability 9.0.
void check_edges(const CUgraphEdgeData *edges, size_t count);
#endif

/// The payload of a node, of the kind that the call is about.
template<class T>
T &payload_of(Node &node)
{
    auto *payload = std::get_if<T>(&node.payload);
    require(payload != nullptr);
    return *payload;
}

} // namespace vgpu::soft::driver

/// The body of an entry point that reads or changes graphs.
#define GRAPH_ENTRY(...)                                                                           \
    return vgpu::soft::driver::entry(__func__, [&] {                                               \
        std::lock_guard hold(vgpu::soft::driver::graph_lock());                                    \
        __VA_ARGS__                                                                                \
    })
