// SPDX-License-Identifier: Apache-2.0
// A film, frame by frame: decoded by the host into pinned buffers, filtered on the device, written
// by functions of the host in the stream, with three buffers in turns that events hand on.
#include "array.h"

const char *const program = "frames";

constexpr int kWidth = 96, kHeight = 54, kPixels = kWidth * kHeight, kFrames = 20, kBuffers = 3;

static uint8_t pixel(int frame, int i)
{
    return uint8_t(scramble(unsigned(frame * 31 + i / 7)) + unsigned(i));
}

// Of each pixel the mean with the frame before, then brighter.
__host__ __device__ inline uint8_t filtered(int now, int before)
{
    int mean = (3 * now + before + 2) / 4, bright = mean * 5 / 4;
    return uint8_t(bright > 255 ? 255 : bright);
}

__global__ void filter(const uchar4 *in, const uchar4 *before, uchar4 *out)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= kPixels / 4)
        return;
    uchar4 a = in[i], b = before[i];
    out[i] =
        make_uchar4(filtered(a.x, b.x), filtered(a.y, b.y), filtered(a.z, b.z), filtered(a.w, b.w));
}

struct Buffer {
    uint8_t *in, *out, *device_in, *device_out;
    cudaEvent_t taken, done, written;
    int frame;
};

static std::vector<uint64_t> sums;

static void CUDART_CB write_frame(void *data)
{
    const Buffer *buffer = static_cast<const Buffer *>(data);
    sums.push_back(checksum(buffer->out, kPixels) + uint64_t(buffer->frame));
}

int main()
{
    cudaStream_t up, work, down;
    for (auto *stream : {&up, &work, &down})
        CUDA(cudaStreamCreateWithFlags(stream, cudaStreamNonBlocking));
    Buffer buffers[kBuffers];
    for (Buffer &one : buffers) {
        CUDA(cudaHostAlloc(&one.in, kPixels, cudaHostAllocWriteCombined));
        CUDA(cudaHostAlloc(&one.out, kPixels, cudaHostAllocDefault));
        CUDA(cudaMalloc(&one.device_in, kPixels));
        CUDA(cudaMalloc(&one.device_out, kPixels));
        CUDA(cudaMemset(one.device_in, 0, kPixels));
        for (auto *event : {&one.taken, &one.done, &one.written})
            CUDA(cudaEventCreateWithFlags(event, cudaEventDisableTiming | cudaEventBlockingSync));
    }
    CUDA(cudaDeviceSynchronize());
    for (int frame = 0; frame < kFrames; frame++) {
        Buffer &one = buffers[frame % kBuffers], &before = buffers[(frame + 2) % kBuffers];
        // Its last copy up has been made, and its last picture written.
        CUDA(cudaEventSynchronize(one.taken));
        CUDA(cudaEventSynchronize(one.written));
        for (int i = 0; i < kPixels; i++)
            one.in[i] = pixel(frame, i);
        one.frame = frame;
        // The frame after the last that used this buffer has read it as "before".
        CUDA(cudaStreamWaitEvent(up, buffers[(frame + 1) % kBuffers].done, 0));
        CUDA(cudaMemcpyAsync(one.device_in, one.in, kPixels, cudaMemcpyHostToDevice, up));
        CUDA(cudaEventRecord(one.taken, up));
        CUDA(cudaStreamWaitEvent(work, one.taken, 0));
        filter<<<blocks(kPixels / 4, 128), 128, 0, work>>>(
            reinterpret_cast<uchar4 *>(one.device_in), reinterpret_cast<uchar4 *>(before.device_in),
            reinterpret_cast<uchar4 *>(one.device_out));
        CUDA(cudaEventRecord(one.done, work));
        CUDA(cudaStreamWaitEvent(down, one.done, 0));
        CUDA(cudaMemcpyAsync(one.out, one.device_out, kPixels, cudaMemcpyDeviceToHost, down));
        CUDA(cudaLaunchHostFunc(down, write_frame, &one));
        CUDA(cudaEventRecord(one.written, down));
    }
    CUDA(cudaStreamSynchronize(down));
    EXPECT(sums.size() == kFrames);
    uint64_t all = 0;
    for (int frame = 0; frame < kFrames; frame++) {
        std::vector<uint8_t> picture;
        for (int i = 0; i < kPixels; i++)
            picture.push_back(filtered(pixel(frame, i), frame ? int(pixel(frame - 1, i)) : 0));
        EXPECT(sums[size_t(frame)] == checksum(picture.data(), kPixels) + uint64_t(frame));
        all ^= sums[size_t(frame)];
    }
    for (Buffer &one : buffers) {
        CUDA(cudaFreeHost(one.in));
        CUDA(cudaFreeHost(one.out));
        CUDA(cudaFree(one.device_in));
        CUDA(cudaFree(one.device_out));
        for (auto event : {one.taken, one.done, one.written})
            CUDA(cudaEventDestroy(event));
    }
    for (auto stream : {up, work, down})
        CUDA(cudaStreamDestroy(stream));
    passed(all);
}
