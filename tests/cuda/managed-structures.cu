// SPDX-License-Identifier: Apache-2.0
// Pointers within managed memory: a list that host and kernels walk, variables whose addresses are
// given to kernels, and system calls that read and write managed memory themselves.
#include "check.h"

#include <cstring>
#include <unistd.h>

const char *const program = "managed-structures";

struct Node {
    int value;
    Node *next;
};

constexpr int kNodes = 500, kBytes = 30000;

__managed__ Node head = {11, nullptr};
__managed__ int table[1000] = {1, 2, 3};
__device__ __managed__ double scale = 0.5;

__global__ void walk(Node *node, long long *sum)
{
    *sum = 0;
    for (; node; node = node->next) {
        *sum += node->value;
        node->value *= 2;
    }
}

__global__ void push_front(Node *list, Node *node)
{
    node->next = list->next;
    list->next = node;
    table[999] += int(scale * 100);
}

__global__ void invert(unsigned char *bytes, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        bytes[i] = ~bytes[i];
}

int main()
{
    EXPECT(head.value == 11 && table[2] == 3 && scale == 0.5);
    long long *sum;
    CUDA(cudaMallocManaged(&sum, sizeof *sum));
    Node *last = &head;
    for (int i = 0; i < kNodes; i++) {
        Node *node;
        CUDA(cudaMallocManaged(&node, sizeof *node));
        *node = {i, nullptr};
        last->next = node;
        last = node;
    }
    for (int round = 1; round <= 2; round++) {
        walk<<<1, 1>>>(&head, sum);
        CUDA(cudaDeviceSynchronize());
        EXPECT(*sum == round * (11 + kNodes * (kNodes - 1) / 2));
    }
    EXPECT(head.value == 44 && head.next->next->value == 4);

    Node *first;
    CUDA(cudaMallocManaged(&first, sizeof *first));
    *first = {-1, nullptr};
    scale = 0.25;
    table[999] = 5;
    push_front<<<1, 1>>>(&head, first);
    CUDA(cudaDeviceSynchronize());
    EXPECT(head.next == first && first->next->value == 0 && table[999] == 30 && table[1] == 2);

    // By the names of symbols too.
    double half = 0.5;
    CUDA(cudaMemcpyToSymbol(scale, &half, sizeof half));
    EXPECT(scale == 0.5);
    scale = 8;
    CUDA(cudaMemcpyFromSymbol(&half, scale, sizeof half));
    EXPECT(half == 8);

    // The kernel of the system reads and writes it where it lies, before and after those of the
    // GPU.
    unsigned char *bytes;
    CUDA(cudaMallocManaged(&bytes, kBytes));
    int ends[2];
    EXPECT(pipe(ends) == 0);
    unsigned char out[kBytes], back[kBytes];
    for (int i = 0; i < kBytes; i++)
        out[i] = (unsigned char)scramble(uint32_t(i));
    for (int round = 0; round < 3; round++) {
        EXPECT(write(ends[1], out, kBytes) == kBytes && read(ends[0], bytes, kBytes) == kBytes);
        invert<<<(kBytes + 255) / 256, 256>>>(bytes, kBytes);
        CUDA(cudaDeviceSynchronize());
        EXPECT(write(ends[1], bytes, kBytes) == kBytes && read(ends[0], back, kBytes) == kBytes);
        for (int i = 0; i < kBytes; i++)
            EXPECT(back[i] == (unsigned char)~out[i]);
        memcpy(out, back, kBytes);
    }
    uint64_t result = checksum(bytes, kBytes);

    for (Node *node = head.next; node;) {
        Node *next = node->next;
        CUDA(cudaFree(node));
        node = next;
    }
    CUDA(cudaFree(sum));
    CUDA(cudaFree(bytes));
    // A large one has pages of its own, and is zero or not as it likes; it comes and goes.
    for (int i = 0; i < 5; i++) {
        unsigned char *large;
        CUDA(cudaMallocManaged(&large, 8 << 20));
        large[0] = 1;
        large[(8 << 20) - 1] = 2;
        invert<<<1, 256>>>(large + (8 << 20) - 256, 256);
        CUDA(cudaDeviceSynchronize());
        EXPECT(large[0] == 1 && large[(8 << 20) - 1] == 253);
        CUDA(cudaFree(large));
    }
    passed(result);
    return 0;
}
