// SPDX-License-Identifier: Apache-2.0
// CUDA under MPI: each rank computes its part on its own device, the sum is taken over all ranks.
// Rank 0 prints.
#include "check.h"

#include <mpi.h>
#include <vector>

const char *const program = "mpi-ranks";

__global__ void squares(unsigned long long *out, int n, unsigned long long start)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        out[i] = (start + i) * (start + i);
}

int main(int argc, char **argv)
{
    const int n = 1 << 16;
    MPI_Init(&argc, &argv);
    int rank, ranks, local_rank, devices = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    MPI_Comm node;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL, &node);
    MPI_Comm_rank(node, &local_rank);

    // Where the launcher gave each rank a device of its own, there is one to count.
    CUDA(cudaGetDeviceCount(&devices));
    if (argc > 1)
        EXPECT(devices == atoi(argv[1])); // so many on this node: one for each of its ranks
    CUDA(cudaSetDevice(local_rank % devices));
    unsigned long long *device, mine = 0, all = 0, expected = 0;
    std::vector<unsigned long long> host(n);
    CUDA(cudaMalloc(&device, n * sizeof *device));
    squares<<<n / 256, 256>>>(device, n, (unsigned long long)rank * n);
    CUDA(cudaGetLastError());
    CUDA(cudaMemcpy(host.data(), device, n * sizeof *device, cudaMemcpyDeviceToHost));
    CUDA(cudaFree(device));
    for (unsigned long long value : host)
        mine += value;
    MPI_Allreduce(&mine, &all, 1, MPI_UNSIGNED_LONG_LONG, MPI_SUM, MPI_COMM_WORLD);
    for (unsigned long long i = 0; i < (unsigned long long)ranks * n; i++)
        expected += i * i;
    if (all != expected)
        fail("rank %d: the sum over %d ranks is %llu, not %llu", rank, ranks, all, expected);
    if (rank == 0)
        passed(all);
    MPI_Finalize();
    return 0;
}
