// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "softgpu/ptx/program.h"

#include <cstring>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// A device for the unit tests: memory, a heap, what was printed, and short ways to run PTX.
namespace vgpu::soft
{

class TestMachine : public ::testing::Test, public Host
{
protected:
    /// Zeroed device memory of exactly that many bytes.
    uint64_t allocate_device(size_t bytes, bool writable = true)
    {
        buffers_.push_back(std::make_unique<std::byte[]>(bytes + 512));
        auto address = (reinterpret_cast<uint64_t>(buffers_.back().get()) + 255) & ~uint64_t(255);
        memory_.add({address, address + bytes, writable});
        return address;
    }
    template<class T>
    uint64_t upload(const std::vector<T> &values)
    {
        uint64_t address = allocate_device(values.size() * sizeof(T));
        std::memcpy(reinterpret_cast<void *>(address), values.data(), values.size() * sizeof(T));
        return address;
    }
    template<class T>
    T *at(uint64_t address)
    {
        return reinterpret_cast<T *>(address);
    }

    /// Of the newest device whose instructions are known here.
    static std::string header() { return ".version 8.0\n.target sm_90\n.address_size 64\n"; }

    /// A kernel `k` with four 64-bit parameters in %p0 to %p3, registers, and %r0 = thread of the
    /// block.
    static std::string kernel(const std::string &body, const std::string &module = "")
    {
        return header() + module +
               ".visible .entry k(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 "
               "p3)\n{\n"
               ".reg .pred %q<20>; .reg .b16 %h<40>; .reg .b32 %r<100>; .reg .b64 %d<100>;\n"
               ".reg .f32 %f<40>; .reg .f64 %g<40>; .reg .b64 %p<4>;\n"
               "ld.param.u64 %p0, [p0]; ld.param.u64 %p1, [p1]; ld.param.u64 %p2, [p2]; "
               "ld.param.u64 %p3, [p3];\n"
               "mov.u32 %r0, %tid.x;\n" +
               body + "\nret;\n}\n";
    }

    std::shared_ptr<Program> compile(const std::string &ptx)
    {
        auto program = Program::compile(ptx);
        program->bind([&](const GlobalInfo &global) {
            uint64_t address = allocate_device(global.size ? global.size : 1, !global.constant);
            globals_[global.name] = address;
            return address;
        });
        return program;
    }

    Fault run(const std::shared_ptr<Program> &program, Dim3 grid, Dim3 block,
              std::vector<uint64_t> parameters, size_t shared = 0, unsigned threads = 2,
              bool cooperative = false)
    {
        Launch launch;
        launch.program = program;
        launch.kernel = program->kernels().at(0).name;
        launch.grid = grid;
        launch.block = block;
        launch.dynamic_shared_bytes = shared;
        launch.cooperative = cooperative;
        launch.timeout_seconds = timeout_;
        launch.stack_bytes = stack_;
        parameters.resize(4);
        launch.parameters.resize(32);
        std::memcpy(launch.parameters.data(), parameters.data(), 32);
        return execute(launch, memory_, *this, threads);
    }
    Fault run(const std::string &ptx, Dim3 grid, Dim3 block, std::vector<uint64_t> parameters,
              size_t shared = 0)
    {
        return run(compile(ptx), grid, block, std::move(parameters), shared);
    }
    /// Runs the body of a kernel in one block and gives `count` values of its output, parameter 0.
    template<class T>
    std::vector<T> evaluate(const std::string &body, size_t count, unsigned threads,
                            std::vector<uint64_t> more = {}, const std::string &module = "")
    {
        uint64_t out = allocate_device(count * sizeof(T));
        more.insert(more.begin(), out);
        Fault fault = run(kernel(body, module), {1}, {threads}, more);
        EXPECT_EQ(fault.text, "");
        return {at<T>(out), at<T>(out) + count};
    }

    void print(std::string_view text) override
    {
        std::lock_guard guard(lock_);
        printed_ += text;
    }
    uint64_t allocate(size_t bytes) override
    {
        std::lock_guard guard(lock_);
        return bytes > (1u << 20) ? 0 : allocate_device(bytes);
    }
    void release(uint64_t address) override
    {
        std::lock_guard guard(lock_);
        memory_.remove(address);
    }
    bool cancelled() const override { return cancelled_; }

    MemoryMap memory_;
    std::map<std::string, uint64_t> globals_;
    std::string printed_;
    bool cancelled_ = false;
    double timeout_ = 20;
    size_t stack_ = 0;

private:
    std::mutex lock_;
    std::vector<std::unique_ptr<std::byte[]>> buffers_;
};

} // namespace vgpu::soft
