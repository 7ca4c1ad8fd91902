// SPDX-License-Identifier: Apache-2.0
// A sparse triangular system in one launch: a warp for each row waits for the unknowns that its row
// names until their flags are set, by warps of the same block and of others.
#include "array.h"

const char *const program = "triangular-solve";

__global__ void solve(int n, const int *starts, const int *columns, const double *values,
                      const double *right, volatile double *x, volatile int *done)
{
    int row = int(blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
    if (row >= n)
        return;
    int last = starts[row + 1] - 1; // the diagonal
    double sum = 0;
    for (int i = starts[row] + lane; i < last; i += 32) {
        while (!done[columns[i]])
            __nanosleep(50);
        __threadfence();
        sum += values[i] * x[columns[i]];
    }
    for (int offset = 16; offset; offset /= 2)
        sum += __shfl_down_sync(~0u, sum, offset);
    if (lane == 0) {
        x[row] = (right[row] - sum) / values[last];
        __threadfence();
        done[row] = 1;
    }
}

int main()
{
    constexpr int kRows = 1500;
    std::vector<int> starts{0}, columns;
    std::vector<double> values;
    for (int row = 0; row < kRows; row++) {
        // Now and then a chain, where each row needs the one before.
        int stride = row % 100 < 20 ? 1 : 1 + int(scramble(unsigned(row)) % 97);
        for (int column = row % stride, count = 0; column < row && count < 40;
             column += stride, count++) {
            columns.push_back(row - 1 - column);
            values.push_back(unit(unsigned(values.size())) / 40);
        }
        std::sort(columns.begin() + starts.back(), columns.end());
        columns.push_back(row);
        values.push_back(1 + unit(unsigned(row)));
        starts.push_back(int(columns.size()));
    }
    Array<int> from(starts.size()), where(columns.size()), done(kRows, 0);
    Array<double> what(values.size()), right(kRows), x(kRows);
    from.host = starts;
    where.host = columns;
    what.host = values;
    for (unsigned i = 0; i < kRows; i++)
        right[i] = unit(i) * 10 - 5;
    from.put();
    where.put();
    what.put();
    right.put();
    done.put();
    solve<<<blocks(kRows * 32, 256), 256>>>(kRows, from.at, where.at, what.at, right.at, x.at,
                                            done.at);
    x.get();
    for (int row = 0; row < kRows; row++) {
        double product = 0;
        for (int i = starts[row]; i < starts[row + 1]; i++)
            product += values[i] * x[columns[i]];
        EXPECT(near(product, right[row], 1e-10));
    }
    passed(x.sum());
}
