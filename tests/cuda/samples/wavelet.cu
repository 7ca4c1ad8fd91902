// SPDX-License-Identifier: Apache-2.0
// A picture through the reversible 5/3 wavelet, several levels deep, rows and columns by lifting in
// shared memory whose size is asked for at the launch; and back without loss.
#include "array.h"

const char *const program = "wavelet";

constexpr int kWidth = 160, kHeight = 112, kLevels = 4;

__host__ __device__ inline int mirrored(int i, int n)
{
    i = i < 0 ? -i : i;
    return i >= n ? 2 * (n - 1) - i : i;
}

// One line in `line`: odd places become details, even ones means, or the other way round.
template<bool kForward>
__device__ void lift(short *line, int n)
{
    for (int part = 0; part < 2; part++) {
        bool details = (part == 0) == kForward;
        for (int i = 2 * threadIdx.x + details; i < n; i += 2 * blockDim.x) {
            int left = line[mirrored(i - 1, n)], right = line[mirrored(i + 1, n)];
            int by = details ? -((left + right) >> 1) : (left + right + 2) >> 2;
            line[i] = short(kForward ? line[i] + by : line[i] - by);
        }
        __syncthreads();
    }
}

// A block for each row, or column: the means go to the front, the details behind them.
template<bool kForward>
__global__ void transform(short *image, int n, int step, int stride)
{
    extern __shared__ short line[];
    image += blockIdx.x * step;
    int means = (n + 1) / 2;
    auto place = [&](int i) { return stride * (i % 2 ? means + i / 2 : i / 2); };
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        line[i] = image[kForward ? stride * i : place(i)];
    __syncthreads();
    lift<kForward>(line, n);
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        image[kForward ? place(i) : stride * i] = line[i];
}

static void host_transform(short *image, int n, int stride)
{
    std::vector<short> line;
    for (int i = 0; i < n; i++)
        line.push_back(image[stride * i]);
    auto at = [&](int i) { return int(line[size_t(mirrored(i, n))]); };
    for (int i = 1; i < n; i += 2)
        line[size_t(i)] = short(at(i) - ((at(i - 1) + at(i + 1)) >> 1));
    for (int i = 0; i < n; i += 2)
        line[size_t(i)] = short(at(i) + ((at(i - 1) + at(i + 1) + 2) >> 2));
    for (int i = 0; i < n; i++)
        image[stride * (i % 2 ? (n + 1) / 2 + i / 2 : i / 2)] = line[size_t(i)];
}

int main()
{
    Array<short> image(kWidth * kHeight);
    for (int y = 0; y < kHeight; y++)
        for (int x = 0; x < kWidth; x++)
            image[size_t(y * kWidth + x)] =
                short(128 + 100 * std::sin(x * 0.05) * std::cos(y * 0.07) +
                      float(scramble(unsigned(y * kWidth + x)) % 5) + (x > y ? 20 : 0));
    std::vector<short> before = image.host, expected = before;
    image.put();
    int width = kWidth, height = kHeight;
    std::vector<int> widths, heights;
    for (int level = 0; level < kLevels; level++) {
        widths.push_back(width);
        heights.push_back(height);
        transform<true><<<height, 64, size_t(width) * 2>>>(image.at, width, kWidth, 1);
        transform<true><<<width, 64, size_t(height) * 2>>>(image.at, height, 1, kWidth);
        for (int y = 0; y < height; y++)
            host_transform(&expected[size_t(y * kWidth)], width, 1);
        for (int x = 0; x < width; x++)
            host_transform(&expected[size_t(x)], height, kWidth);
        width = (width + 1) / 2;
        height = (height + 1) / 2;
    }
    image.get();
    EXPECT(image.host == expected);
    uint64_t sum = image.sum();
    // What a coder lives on: most details are small.
    auto small =
        std::count_if(expected.begin(), expected.end(), [](short x) { return x > -8 && x < 8; });
    EXPECT(small > kWidth * kHeight * 8 / 10);
    for (size_t level = kLevels; level-- > 0;) {
        transform<false><<<widths[level], 64, size_t(heights[level]) * 2>>>(
            image.at, heights[level], 1, kWidth);
        transform<false>
            <<<heights[level], 64, size_t(widths[level]) * 2>>>(image.at, widths[level], kWidth, 1);
    }
    image.get();
    EXPECT(image.host == before);
    passed(sum);
}
