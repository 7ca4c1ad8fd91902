// SPDX-License-Identifier: Apache-2.0
// A tree of boxes over triangles, built in parallel from sorted Morton codes: each inner node finds
// its range by common prefixes, boxes are joined from the leaves up; then rays go down it.
#include "array.h"

const char *const program = "box-tree";

constexpr int kLeaves = 600, kRays = 512;

struct Box {
    float3 low, high;
};
struct Node {
    int left, right, parent; // leaves are from kLeaves - 1 on
};

__host__ __device__ inline unsigned spread(unsigned x)
{
    x = (x * 0x00010001u) & 0xff0000ffu;
    x = (x * 0x00000101u) & 0x0f00f00fu;
    x = (x * 0x00000011u) & 0xc30c30c3u;
    return (x * 0x00000005u) & 0x49249249u;
}

// How many bits two codes have in common; equal ones are told apart by their places.
__device__ int common(const unsigned *codes, int i, int j)
{
    if (j < 0 || j >= kLeaves)
        return -1;
    return codes[i] == codes[j] ? 32 + __clz(i ^ j) : __clz(codes[i] ^ codes[j]);
}

__global__ void build(const unsigned *codes, Node *nodes)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= kLeaves - 1)
        return;
    int way = common(codes, i, i + 1) > common(codes, i, i - 1) ? 1 : -1;
    int least = common(codes, i, i - way), reach = 2;
    while (common(codes, i, i + reach * way) > least)
        reach *= 2;
    int length = 0;
    for (int step = reach / 2; step; step /= 2)
        if (common(codes, i, i + (length + step) * way) > least)
            length += step;
    int end = i + length * way, shared = common(codes, i, end), split = 0;
    for (int step = length; step > 1;) {
        step = (step + 1) / 2;
        if (common(codes, i, i + (split + step) * way) > shared)
            split += step;
    }
    int middle = i + split * way + min(way, 0);
    int left = min(i, end) == middle ? kLeaves - 1 + middle : middle;
    int right = max(i, end) == middle + 1 ? kLeaves + middle : middle + 1;
    nodes[i].left = left;
    nodes[i].right = right;
    nodes[left].parent = nodes[right].parent = i;
    if (i == 0)
        nodes[0].parent = -1;
}

__device__ Box around(const Box &a, const Box &b)
{
    return {{fminf(a.low.x, b.low.x), fminf(a.low.y, b.low.y), fminf(a.low.z, b.low.z)},
            {fmaxf(a.high.x, b.high.x), fmaxf(a.high.y, b.high.y), fmaxf(a.high.z, b.high.z)}};
}

// From each leaf up; the second of two children to arrive goes on.
__global__ void join(const Node *nodes, volatile float *boxes, int *arrived)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= kLeaves)
        return;
    auto box_at = [&](int n) {
        volatile float *b = boxes + 6 * n;
        return Box{{b[0], b[1], b[2]}, {b[3], b[4], b[5]}};
    };
    for (int at = nodes[kLeaves - 1 + i].parent; at >= 0; at = nodes[at].parent) {
        __threadfence();
        if (atomicAdd(&arrived[at], 1) == 0)
            return;
        __threadfence();
        Box box = around(box_at(nodes[at].left), box_at(nodes[at].right));
        volatile float *b = boxes + 6 * at;
        b[0] = box.low.x, b[1] = box.low.y, b[2] = box.low.z;
        b[3] = box.high.x, b[4] = box.high.y, b[5] = box.high.z;
    }
}

__host__ __device__ inline bool meets(const Box &box, float3 from, float3 to)
{
    float near = 0, far = 1e30f;
    const float *low = &box.low.x, *high = &box.high.x, *f = &from.x, *t = &to.x;
    for (int i = 0; i < 3; i++) {
        float a = (low[i] - f[i]) / t[i], b = (high[i] - f[i]) / t[i];
        near = fmaxf(near, fminf(a, b));
        far = fminf(far, fmaxf(a, b));
    }
    return near <= far;
}

// How many leaves' boxes each ray meets, and the sum of their numbers.
__global__ void trace(const Node *nodes, const Box *boxes, const int *order, const float3 *rays,
                      int2 *out, int *visits)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, stack[64], height = 0, seen = 0;
    float3 from = rays[2 * i], to = rays[2 * i + 1];
    int2 sum = make_int2(0, 0);
    stack[height++] = 0;
    while (height) {
        int at = stack[--height];
        seen++;
        if (!meets(boxes[at], from, to))
            continue;
        if (at >= kLeaves - 1) {
            sum.x++;
            sum.y += order[at - (kLeaves - 1)];
        } else {
            stack[height++] = nodes[at].left;
            stack[height++] = nodes[at].right;
        }
    }
    out[i] = sum;
    atomicAdd(visits, seen);
}

int main()
{
    std::vector<std::pair<unsigned, int>> sorted;
    std::vector<Box> leaves;
    for (unsigned i = 0; i < kLeaves; i++) {
        float3 at{unit(4 * i), unit(4 * i + 1), unit(4 * i + 2)};
        // Some on the same place.
        if (i % 50 == 1)
            at = leaves.back().low;
        float size = 0.01f + 0.03f * unit(4 * i + 3);
        leaves.push_back({at, {at.x + size, at.y + size, at.z + size}});
        unsigned code = spread(unsigned(at.x * 1023)) << 2 | spread(unsigned(at.y * 1023)) << 1 |
                        spread(unsigned(at.z * 1023));
        sorted.push_back({code, int(i)});
    }
    std::sort(sorted.begin(), sorted.end());
    Array<unsigned> codes(kLeaves);
    Array<int> order(kLeaves), arrived(kLeaves, 0), visits(1, 0);
    Array<Node> nodes(2 * kLeaves - 1);
    Array<Box> boxes(2 * kLeaves - 1);
    for (size_t i = 0; i < kLeaves; i++) {
        codes[i] = sorted[i].first;
        order[i] = sorted[i].second;
        boxes[kLeaves - 1 + i] = leaves[size_t(sorted[i].second)];
    }
    Array<float3> rays(2 * kRays);
    Array<int2> out(kRays);
    for (unsigned i = 0; i < 6 * kRays; i++)
        // From around towards a place within.
        (&rays[0].x)[i] =
            i % 6 < 3 ? unit(i + 7000) * 2 - 0.5f : unit(i + 9000) - (&rays[0].x)[i - 3];
    codes.put();
    order.put();
    arrived.put();
    boxes.put();
    rays.put();
    visits.put();
    build<<<blocks(kLeaves, 64), 64>>>(codes.at, nodes.at);
    join<<<blocks(kLeaves, 64), 64>>>(nodes.at, reinterpret_cast<float *>(boxes.at), arrived.at);
    trace<<<kRays / 64, 64>>>(nodes.at, boxes.at, order.at, rays.at, out.at, visits.at);
    out.get();
    visits.get();
    int met = 0;
    for (size_t i = 0; i < kRays; i++) {
        int count = 0, sum = 0;
        for (size_t leaf = 0; leaf < kLeaves; leaf++)
            if (meets(leaves[leaf], rays[2 * i], rays[2 * i + 1])) {
                count++;
                sum += int(leaf);
            }
        EXPECT(out[i].x == count && out[i].y == sum);
        met += count;
    }
    // Much less than every ray against every box.
    EXPECT(met > 100 && visits[0] < kRays * kLeaves / 4);
    passed(out.sum());
}
