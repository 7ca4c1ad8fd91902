// SPDX-License-Identifier: Apache-2.0
#include "softgpu/driver/image.h"
#include "remoting/image/fatbin.h"
#include "softgpu/driver/device.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <mutex>
#include <stdexcept>
#include <unordered_map>

namespace vgpu::soft::driver
{
namespace
{

std::string ptx_of_fatbin(const void *header)
{
    try {
        size_t bytes = image::container_bytes(header);
        require(bytes != 0, CUDA_ERROR_INVALID_IMAGE);
        auto list = image::entries({static_cast<const std::byte *>(header), bytes});
        // What nvcc -rdc leaves in the place of a linked program.
        require(!list.empty(), CUDA_ERROR_INVALID_IMAGE);
        auto best = image::best_ptx(list, limits::major * 10 + limits::minor);
        if (!best)
            throw Failure(
                CUDA_ERROR_NO_BINARY_FOR_GPU,
                "the program has no PTX for compute_80 or below, only machine code: build it with "
                "-gencode arch=compute_75,code=compute_75");
        return image::text(*best);
    } catch (const std::runtime_error &error) {
        throw Failure(CUDA_ERROR_INVALID_IMAGE, error.what());
    }
}

} // namespace

std::string ptx_of_image(const void *image)
{
    require(image != nullptr);
    unsigned char first;
    memcpy(&first, image, 1);
    if (first == 0x7f)
        throw Failure(CUDA_ERROR_NO_BINARY_FOR_GPU,
                      "a cubin is machine code of a GPU: the software GPU runs PTX");
    // A text may be shorter than the magic numbers, so the bytes are compared one after the other.
    if (!memcmp(&first, "\x50", 1) &&
        !strncmp(static_cast<const char *>(image), "\x50\xed\x55\xba", 4))
        return ptx_of_fatbin(image);
    if (!strncmp(static_cast<const char *>(image), "\xb1\x43\x62\x46", 4)) {
        const void *header;
        memcpy(&header, static_cast<const char *>(image) + 8, sizeof header);
        require(header != nullptr, CUDA_ERROR_INVALID_IMAGE);
        return ptx_of_fatbin(header);
    }
    require(isprint(first) || isspace(first), CUDA_ERROR_INVALID_IMAGE);
    return static_cast<const char *>(image);
}

std::string ptx_of_file(const char *path)
{
    require(path != nullptr);
    std::ifstream file(path, std::ios::binary);
    require(file.good(), CUDA_ERROR_FILE_NOT_FOUND);
    std::string bytes(std::istreambuf_iterator<char>(file), {});
    require(bytes.size() >= 16, CUDA_ERROR_INVALID_IMAGE);
    // A file can say that its container is longer than the file.
    if (size_t said = image::container_bytes(bytes.data()); said > bytes.size())
        throw Failure(CUDA_ERROR_INVALID_IMAGE, std::string(path) + ": cut short");
    return ptx_of_image(bytes.c_str());
}

JitLog::JitLog(unsigned count, CUjit_option *options, void **values)
{
    require(count == 0 || (options && values));
    for (unsigned i = 0; i < count; i++) {
        switch (options[i]) {
        case CU_JIT_INFO_LOG_BUFFER:
            info_.text = static_cast<char *>(values[i]);
            break;
        case CU_JIT_ERROR_LOG_BUFFER:
            error_.text = static_cast<char *>(values[i]);
            break;
        case CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES:
            info_.size_value = &values[i];
            info_.size = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[i]));
            break;
        case CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES:
            error_.size_value = &values[i];
            error_.size = static_cast<unsigned>(reinterpret_cast<uintptr_t>(values[i]));
            break;
        case CU_JIT_WALL_TIME:
            wall_time_ = &values[i];
            break;
        case CU_JIT_LOG_VERBOSE:
            verbose_ = values[i] != nullptr;
            break;
        default:
            require(options[i] >= 0 && options[i] < CU_JIT_NUM_OPTIONS);
        }
    }
}

void JitLog::write(Buffer &buffer, const std::string &text)
{
    if (!buffer.text || !buffer.size)
        return;
    size_t count = std::min(text.size(), buffer.size - 1 - buffer.used);
    memcpy(buffer.text + buffer.used, text.data(), count);
    buffer.used += count;
    buffer.text[buffer.used] = 0;
}

void JitLog::error(const std::string &text)
{
    write(error_, text + "\n");
}

void JitLog::info(const std::string &text)
{
    write(info_, text + "\n");
}

void JitLog::finish()
{
    for (Buffer *buffer : {&info_, &error_}) {
        if (buffer->text && buffer->size && !buffer->used)
            buffer->text[0] = 0;
        if (buffer->size_value)
            *buffer->size_value = reinterpret_cast<void *>(buffer->used);
    }
    if (wall_time_) {
        // A float in the place of the option's value, as cuda.h has it.
        std::chrono::duration<float, std::milli> took = std::chrono::steady_clock::now() - begun_;
        float milliseconds = took.count();
        memcpy(wall_time_, &milliseconds, sizeof milliseconds);
    }
}

int target_of(const std::string &ptx)
{
    constexpr int native = limits::major * 10 + limits::minor;
    size_t at = ptx.find(".target");
    size_t name = at == std::string::npos ? at : ptx.find("sm_", at);
    if (name == std::string::npos || name - at > 16)
        return native;
    int target = atoi(ptx.c_str() + name + 3);
    return target > 0 ? target : native;
}

bool has_variables(const Program &program)
{
    return !program.globals().empty();
}

namespace
{

/// What a verbose load says of each kernel.
void describe(const Program &program, JitLog &log)
{
    for (auto &kernel : program.kernels())
        log.info("info    : Function properties for '" + kernel.name +
                 "': " + std::to_string(kernel.registers) + " registers, " +
                 std::to_string(kernel.static_shared_bytes) + " bytes smem, " +
                 std::to_string(kernel.local_bytes) + " bytes stack");
}

} // namespace

std::shared_ptr<Program> compile(const std::string &ptx, JitLog &log)
{
    static std::mutex lock;
    static auto &known = *new std::unordered_map<std::string, std::weak_ptr<Program>>;
    auto given = [&](const std::shared_ptr<Program> &program) {
        if (log.verbose())
            describe(*program, log);
        log.finish();
        if (!has_variables(*program))
            return program;
        // Each has variables of its own; what is known stays as long as one of them.
        auto own = program->copy();
        return std::shared_ptr<Program>(own.get(), [own, program](Program *) {});
    };
    {
        std::lock_guard hold(lock);
        if (auto it = known.find(ptx); it != known.end())
            if (auto program = it->second.lock())
                return given(program);
    }
    if (int target = target_of(ptx); target > limits::major * 10 + limits::minor) {
        std::string reason = "the program's .target, sm_" + std::to_string(target) +
                             ", is higher than this device's, sm_" +
                             std::to_string(limits::major * 10 + limits::minor);
        log.error(reason);
        log.finish();
        throw Failure(CUDA_ERROR_INVALID_PTX, reason);
    }
    std::shared_ptr<Program> program;
    try {
        program = Program::compile(ptx);
    } catch (const std::bad_alloc &) {
        throw;
    } catch (const std::exception &error) {
        log.error(error.what());
        log.finish();
        throw Failure(CUDA_ERROR_INVALID_PTX, error.what());
    }
    if (!has_variables(*program))
        program->bind([](const GlobalInfo &) { return uint64_t(0); });
    {
        std::lock_guard hold(lock);
        std::erase_if(known, [](auto &entry) { return entry.second.expired(); });
        known[ptx] = program;
    }
    return given(program);
}

} // namespace vgpu::soft::driver
