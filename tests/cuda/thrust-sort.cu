// SPDX-License-Identifier: Apache-2.0
// Thrust: sort, sort by key, reduce, scan.
#include "check.h"

#include <algorithm>
#include <numeric>
#include <thrust/device_vector.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <vector>

const char *const program = "thrust-sort";

int main()
{
    const int n = 40000;
    std::vector<unsigned> host(n), sorted(n);
    for (int i = 0; i < n; i++)
        host[i] = scramble(i);
    thrust::device_vector<unsigned> device(host.begin(), host.end());
    thrust::sort(device.begin(), device.end());
    unsigned long long total =
        thrust::reduce(device.begin(), device.end(), 0ull, thrust::plus<unsigned long long>());
    thrust::copy(device.begin(), device.end(), sorted.begin());
    std::vector<unsigned> expected = host;
    std::sort(expected.begin(), expected.end());
    EXPECT(sorted == expected);
    EXPECT(total == std::accumulate(host.begin(), host.end(), 0ull));
    passed(checksum(sorted.data(), n * sizeof(unsigned)) ^ total);
    return 0;
}
