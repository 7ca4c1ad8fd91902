// SPDX-License-Identifier: Apache-2.0
// Eight queens and more by blocks that stay: tasks are taken from one stack in global memory and
// put back as more tasks, until nobody has any; the last steps of each are a search of its own.
#include "array.h"

const char *const program = "queens";

struct Task {
    unsigned columns, left, right, row;
};

constexpr int kRoom = 4096;
__device__ Task stack[kRoom];
__device__ int height, busy, lock;
__device__ unsigned long long found;

// The rest of a board by the thread alone, without recursion: what is still to be tried in each
// row.
__device__ unsigned finish(Task task, int n)
{
    unsigned all = (1u << n) - 1, solutions = 0, tries[16];
    Task board[16];
    int depth = 0;
    board[0] = task;
    tries[0] = all & ~(task.columns | task.left | task.right);
    while (depth >= 0) {
        if (board[depth].columns == all) {
            solutions++;
            depth--;
        } else if (!tries[depth]) {
            depth--;
        } else {
            unsigned queen = tries[depth] & -tries[depth];
            tries[depth] ^= queen;
            Task now = board[depth++];
            board[depth] = {now.columns | queen, (now.left | queen) << 1, (now.right | queen) >> 1,
                            now.row + 1};
            tries[depth] = all & ~(board[depth].columns | board[depth].left | board[depth].right);
        }
    }
    return solutions;
}

__device__ void with_lock(bool want)
{
    if (want) {
        while (atomicCAS(&lock, 0, 1) != 0)
            __nanosleep(100);
        __threadfence();
    } else {
        __threadfence();
        atomicExch(&lock, 0);
    }
}

__global__ void work(int n, unsigned split)
{
    __shared__ Task task;
    __shared__ int state; // 0: over, 1: wait, 2: a task
    unsigned all = (1u << n) - 1;
    for (;;) {
        if (threadIdx.x == 0) {
            with_lock(true);
            volatile int *tall = &height, *at_work = &busy;
            if (*tall > 0) {
                *tall = *tall - 1;
                *at_work = *at_work + 1;
                volatile Task *top = &stack[*tall];
                task = {top->columns, top->left, top->right, top->row};
                state = 2;
            } else {
                state = *at_work > 0;
            }
            with_lock(false);
        }
        __syncthreads();
        int now = state;
        Task mine = task;
        __syncthreads();
        if (now == 0)
            return;
        if (now == 1) {
            __nanosleep(200);
            continue;
        }
        // A lane for each column: another task, or the rest at once.
        unsigned queen = 1u << threadIdx.x;
        bool may = int(threadIdx.x) < n && !((mine.columns | mine.left | mine.right) & queen);
        Task next{mine.columns | queen, ((mine.left | queen) << 1) & all, (mine.right | queen) >> 1,
                  mine.row + 1};
        if (mine.row + 1 >= split && may)
            atomicAdd(&found, (unsigned long long)finish(next, n));
        unsigned who = __ballot_sync(~0u, may && mine.row + 1 < split);
        if (threadIdx.x == 0)
            with_lock(true);
        __syncwarp();
        if (who >> threadIdx.x & 1)
            stack[height + __popc(who & (queen - 1))] = next;
        __threadfence();
        __syncwarp();
        if (threadIdx.x == 0) {
            height += __popc(who);
            busy--;
            with_lock(false);
        }
        __syncthreads();
    }
}

int main()
{
    const unsigned long long known[] = {1, 0, 0, 2, 10, 4, 40, 92, 352, 724};
    unsigned long long all = 0;
    for (int n = 4; n <= 10; n++) {
        Task first{};
        int one = 1, none = 0;
        unsigned long long zero = 0, seen;
        CUDA(cudaMemcpyToSymbol(stack, &first, sizeof first));
        CUDA(cudaMemcpyToSymbol(height, &one, sizeof one));
        CUDA(cudaMemcpyToSymbol(busy, &none, sizeof none));
        CUDA(cudaMemcpyToSymbol(found, &zero, sizeof zero));
        work<<<6, 32>>>(n, 3);
        CUDA(cudaMemcpyFromSymbol(&seen, found, sizeof seen));
        EXPECT(seen == known[n - 1]);
        all = all * 1000 + seen;
    }
    passed(all);
}
