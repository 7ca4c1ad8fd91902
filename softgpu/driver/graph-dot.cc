// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/event.h"
#include "softgpu/driver/graph-memory.h"
#include "softgpu/driver/graph-node.h"
#include "softgpu/driver/machine.h"

#include <cstdio>
#include <fstream>
#include <sstream>

// cuGraphDebugDotPrint: a graph in the language of Graphviz. Child graphs are boxes inside.

namespace vgpu::soft::driver
{
namespace
{

class Dot
{
public:
    Dot(std::ostream &out, unsigned flags) : out_(out), flags_(flags) {}

    void write(const Graph &graph)
    {
        out_ << "digraph dot {\n";
        body(graph);
        out_ << "}\n";
    }

private:
    bool asked(unsigned flag) const
    {
        return flags_ & (flag | unsigned(CU_GRAPH_DEBUG_DOT_FLAGS_VERBOSE));
    }

    void body(const Graph &graph)
    {
        clusters_++;
        out_ << "subgraph cluster_" << clusters_ << " {\nlabel=\"graph_" << clusters_ << "\"\n";
        for (auto &node : graph.nodes())
            names_[node.get()] = "node_" + std::to_string(names_.size());
        for (auto &node : graph.nodes()) {
            out_ << names_[node.get()] << " [shape=record,label=\"{" << label(*node) << "}\"];\n";
            if (auto *child = std::get_if<ChildNode>(&node->payload))
                body(*child->graph);
            if (auto *conditional = std::get_if<ConditionalNode>(&node->payload))
                for (auto &inner : conditional->bodies)
                    body(*inner);
        }
        for (auto &node : graph.nodes())
            for (Node *next : node->after)
                out_ << names_[node.get()] << " -> " << names_[next] << ";\n";
        out_ << "}\n";
    }

    std::string label(const Node &node)
    {
        std::ostringstream text;
        static const char *const kinds[] = {
            "KERNEL",    "MEMCPY",     "MEMSET",       "HOST",         "GRAPH",
            "EMPTY",     "EVENT_WAIT", "EVENT_RECORD", "SEMAS_SIGNAL", "SEMAS_WAIT",
            "MEM_ALLOC", "MEM_FREE",   "BATCH_MEM_OP", "CONDITIONAL"};
        text << kinds[node.type()];
        if (asked(CU_GRAPH_DEBUG_DOT_FLAGS_HANDLES))
            text << " | 0x" << std::hex << node.id << std::dec;
        if (auto *kernel = std::get_if<KernelNode>(&node.payload))
            describe(text, *kernel);
        if (auto *copy = std::get_if<CopyNode>(&node.payload);
            copy && asked(CU_GRAPH_DEBUG_DOT_FLAGS_MEMCPY_NODE_PARAMS))
            text << " | " << copy->copy.WidthInBytes << " x " << copy->copy.Height << " x "
                 << copy->copy.Depth << " bytes";
        if (auto *fill = std::get_if<FillNode>(&node.payload);
            fill && asked(CU_GRAPH_DEBUG_DOT_FLAGS_MEMSET_NODE_PARAMS))
            text << " | " << fill->fill.width << " x " << fill->fill.height << " of "
                 << fill->fill.elementSize << " bytes, value " << fill->fill.value;
        if (auto *alloc = std::get_if<AllocNode>(&node.payload);
            alloc && asked(CU_GRAPH_DEBUG_DOT_FLAGS_MEM_ALLOC_NODE_PARAMS))
            text << " | " << alloc->memory->bytes << " bytes";
        return text.str();
    }

    void describe(std::ostream &text, const KernelNode &kernel)
    {
        auto context = kernel.context.lock();
        auto handle = kernel.kernel ? reinterpret_cast<CUfunction>(kernel.kernel) : kernel.function;
        try {
            text << " | " << function_of(handle, context)->info.name;
        } catch (const Failure &) {
            text << " | (unloaded)";
        }
        if (!asked(CU_GRAPH_DEBUG_DOT_FLAGS_KERNEL_NODE_PARAMS))
            return;
        auto &shape = kernel.shape;
        text << "\\<\\<\\<(" << shape.grid.x << "," << shape.grid.y << "," << shape.grid.z << "),("
             << shape.block.x << "," << shape.block.y << "," << shape.block.z << "),"
             << shape.dynamic_shared << "\\>\\>\\>";
    }

    std::ostream &out_;
    const unsigned flags_;
    unsigned clusters_ = 0;
    std::map<const Node *, std::string> names_;
};

} // namespace
} // namespace vgpu::soft::driver

using namespace vgpu::soft::driver;

SOFT_EXPORT CUresult CUDAAPI cuGraphDebugDotPrint(CUgraph graph, const char *path,
                                                  unsigned int flags)
{
    GRAPH_ENTRY({
        require(path != nullptr);
        auto what = graph_of(graph);
        std::ofstream file(path);
        Dot(file, flags).write(*what);
        file.close();
        require(file.good(), CUDA_ERROR_OPERATING_SYSTEM);
    });
}
