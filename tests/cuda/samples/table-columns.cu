// SPDX-License-Identifier: Apache-2.0
// A table in text, as spreadsheets write it, into columns of numbers: quotes by a prefix of
// exclusive ors, so that commas and line ends within them do not count; fields by ballots, then
// parsed at once.
#include "array.h"

#include <string>

const char *const program = "table-columns";

constexpr int kRows = 400, kColumns = 4, kThreads = 256;

// Whether each place is inside quotes, within a block; blocks know the parity of those before them.
__global__ void find_ends(const char *text, int n, const int *odd, unsigned *ends)
{
    __shared__ unsigned parities[kThreads / 32];
    int i = blockIdx.x * kThreads + threadIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    char letter = i < n ? text[i] : 0;
    unsigned quotes = __ballot_sync(~0u, letter == '"');
    if (lane == 0)
        parities[warp] = __popc(quotes) & 1;
    __syncthreads();
    unsigned inside = odd ? unsigned(odd[blockIdx.x]) : 0;
    for (int w = 0; w < warp; w++)
        inside ^= parities[w];
    inside ^= __popc(quotes & ((2u << lane) - 1)) & 1;
    unsigned mask = __ballot_sync(~0u, !inside && (letter == ',' || letter == '\n'));
    if (lane == 0)
        ends[i / 32] = mask;
}

__global__ void parities(const char *text, int n, int *odd)
{
    int i = blockIdx.x * kThreads + threadIdx.x;
    int count = __syncthreads_count(i < n && text[i] == '"');
    if (threadIdx.x == 0)
        odd[blockIdx.x] = count & 1;
}

__global__ void before(int *odd, int n)
{
    for (int i = 0, sum = 0; i < n; i++) {
        int mine = odd[i];
        odd[i] = sum;
        sum ^= mine;
    }
}

// One thread for each field: it looks for its end by the number of those before it.
__global__ void parse(const char *text, const unsigned *ends, const int *starts, int words,
                      double *columns, int *lengths)
{
    int field = blockIdx.x * blockDim.x + threadIdx.x;
    if (field >= kRows * kColumns)
        return;
    auto place_of = [&](int which) {
        int low = 0, high = words - 1;
        while (low < high) {
            int middle = (low + high + 1) / 2;
            if (starts[middle] <= which)
                low = middle;
            else
                high = middle - 1;
        }
        // The bit of that number in the word.
        return low * 32 + int(__fns(ends[low], 0, which - starts[low] + 1));
    };
    int begin = field ? place_of(field - 1) + 1 : 0, end = place_of(field),
        column = field % kColumns;
    if (column == kColumns - 1) {
        lengths[field / kColumns] = end - begin - 2;
        return;
    }
    double value = 0, scale = 0, sign = 1;
    for (int i = begin; i < end; i++) {
        if (text[i] == '-') {
            sign = -1;
        } else if (text[i] == '.') {
            scale = 1;
        } else {
            value = value * 10 + (text[i] - '0');
            scale *= 10;
        }
    }
    columns[column * kRows + field / kColumns] = sign * value / (scale > 0 ? scale : 1);
}

int main()
{
    std::string text;
    std::vector<double> expected(3 * kRows);
    std::vector<int> lengths;
    for (unsigned row = 0; row < kRows; row++) {
        int a = int(scramble(row) % 20001) - 10000, b = int(scramble(row + 1000) % 100000);
        char line[64];
        std::snprintf(line, sizeof line, "%d,%s%d.%03d,%u,\"", a, row % 3 ? "" : "-", b / 1000,
                      b % 1000, row);
        text += line;
        expected[row] = a;
        expected[kRows + row] = (row % 3 ? 1 : -1) * double(b) / 1000;
        expected[2 * kRows + row] = row;
        lengths.push_back(int(scramble(row + 2000) % 30));
        for (int i = 0; i < lengths.back(); i++)
            text += ",\nxy"[scramble(row * 40 + unsigned(i)) % 4];
        text += "\"\n";
    }
    int n = int(text.size()), grid = int(blocks(text.size(), kThreads)),
        words = grid * kThreads / 32;
    Array<char> letters(text.size());
    letters.host.assign(text.begin(), text.end());
    letters.put();
    Array<int> odd(static_cast<size_t>(grid)), starts(static_cast<size_t>(words)), sizes(kRows);
    Array<unsigned> ends(static_cast<size_t>(words));
    Array<double> columns(3 * kRows);
    parities<<<grid, kThreads>>>(letters.at, n, odd.at);
    before<<<1, 1>>>(odd.at, grid);
    find_ends<<<grid, kThreads>>>(letters.at, n, odd.at, ends.at);
    ends.get();
    int fields = 0;
    for (size_t w = 0; w < starts.size(); w++) {
        starts[w] = fields;
        fields += __builtin_popcount(ends[w]);
    }
    EXPECT(fields == kRows * kColumns);
    starts.put();
    parse<<<blocks(kRows * kColumns, 128), 128>>>(letters.at, ends.at, starts.at, words, columns.at,
                                                  sizes.at);
    columns.get();
    sizes.get();
    EXPECT(sizes.host == lengths);
    for (size_t i = 0; i < expected.size(); i++)
        EXPECT(std::abs(columns[i] - expected[i]) < 1e-12 * std::max(1.0, std::abs(expected[i])));
    passed(columns.sum());
}
