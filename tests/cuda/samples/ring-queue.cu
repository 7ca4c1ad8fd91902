// SPDX-License-Identifier: Apache-2.0
// A bounded queue without locks between blocks that put and blocks that take, all under way at
// once: each place has a number that says whose turn it is.
#include "array.h"

const char *const program = "ring-queue";

constexpr unsigned kPlaces = 64, kItems = 3000, kOver = ~0u;

struct Place {
    unsigned turn, value;
};

struct Queue {
    unsigned head, tail, next_item, takers;
    Place places[kPlaces];
};

__device__ void put(Queue *queue, unsigned value)
{
    unsigned ticket = atomicAdd(&queue->tail, 1);
    Place *place = &queue->places[ticket % kPlaces];
    while (atomicAdd(&place->turn, 0) != 2 * (ticket / kPlaces))
        __nanosleep(100);
    place->value = value;
    __threadfence();
    atomicExch(&place->turn, 2 * (ticket / kPlaces) + 1);
}

__device__ unsigned take(Queue *queue)
{
    unsigned ticket = atomicAdd(&queue->head, 1);
    Place *place = &queue->places[ticket % kPlaces];
    while (atomicAdd(&place->turn, 0) != 2 * (ticket / kPlaces) + 1)
        __nanosleep(100);
    __threadfence();
    unsigned value = *static_cast<volatile unsigned *>(&place->value);
    atomicExch(&place->turn, 2 * (ticket / kPlaces) + 2);
    return value;
}

// The first blocks put, one thread of each warp; the others take until they are told that it is
// over.
__global__ void work(Queue *queue, unsigned putters, unsigned *seen, unsigned long long *sums,
                     unsigned *left)
{
    if (threadIdx.x % 32)
        return;
    unsigned taker = (blockIdx.x - putters) * (blockDim.x / 32) + threadIdx.x / 32;
    if (blockIdx.x < putters) {
        for (unsigned i; (i = atomicAdd(&queue->next_item, 1)) < kItems;)
            put(queue, i);
        // Who ends last tells each of those who take.
        if (atomicSub(left, 1) == 1)
            for (unsigned i = 0; i < queue->takers; i++)
                put(queue, kOver);
    } else {
        for (unsigned value; (value = take(queue)) != kOver;) {
            atomicAdd(&seen[value], 1);
            sums[taker] += (unsigned long long)value * value;
        }
    }
}

int main()
{
    constexpr unsigned kPutters = 2, kTakers = 3, kWarps = 2;
    Array<Queue> queue(1);
    Array<unsigned> seen(kItems), left(1, kPutters * kWarps);
    Array<unsigned long long> sums(kTakers * kWarps);
    queue[0].takers = kTakers * kWarps;
    queue.put();
    seen.put();
    left.put();
    sums.put();
    work<<<kPutters + kTakers, 32 * kWarps>>>(queue.at, kPutters, seen.at, sums.at, left.at);
    queue.get();
    seen.get();
    sums.get();
    unsigned long long sum = 0, expected = 0;
    for (auto one : sums.host)
        sum += one;
    for (unsigned i = 0; i < kItems; i++) {
        EXPECT(seen[i] == 1);
        expected += (unsigned long long)i * i;
    }
    EXPECT(sum == expected);
    EXPECT(queue[0].head == queue[0].tail && queue[0].tail == kItems + kTakers * kWarps);
    passed(sum);
}
