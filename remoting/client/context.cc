// SPDX-License-Identifier: Apache-2.0
#include "remoting/client/context.h"

#include "remoting/client/thread.h"

namespace vgpu::client
{

void Contexts::open_devices(size_t count)
{
    std::lock_guard lock(mutex_);
    retained.assign(count, 0);
    primary_flags.assign(count, 0);
    for (size_t device = 0; device < count; ++device) {
        Context &context = all_.emplace_back();
        context.id = api::make_id(api::Kind::context, 0, api::primary_counter(uint32_t(device)));
        context.device = int(device);
        context.primary = true;
        primary_.push_back(&context);
    }
}

Context *Contexts::create(uint64_t id, int device, unsigned flags)
{
    std::lock_guard lock(mutex_);
    Context &context = all_.emplace_back();
    context.id = id;
    context.device = device;
    context.flags = flags;
    context.alive = true;
    return &context;
}

Context *Contexts::find(CUcontext handle)
{
    uint64_t id = api::id_of(handle);
    if (api::kind_of(id) != api::Kind::context)
        return nullptr;
    std::lock_guard lock(mutex_);
    for (Context &context : all_)
        if (context.id == id)
            return context.alive.load(std::memory_order_acquire) ? &context : nullptr;
    return nullptr;
}

std::vector<Context *> Contexts::living()
{
    std::vector<Context *> list;
    std::lock_guard lock(mutex_);
    for (Context &context : all_)
        if (context.alive.load(std::memory_order_acquire))
            list.push_back(&context);
    return list;
}

Context *Contexts::find(uint32_t word) const
{
    if (word - 1 < primary_.size())
        return primary_[word - 1];
    std::lock_guard lock(mutex_);
    for (Context &context : all_)
        if (context.word() == word)
            return &context;
    return nullptr;
}

Context *top_context() noexcept
{
    auto &stack = thread_state().contexts;
    return stack.empty() ? nullptr : stack.back();
}

Context *current_context() noexcept
{
    Context *top = top_context();
    return top && top->alive.load(std::memory_order_acquire) ? top : nullptr;
}

void push_context(Context *context)
{
    thread_state().contexts.push_back(context);
}

Context *pop_context() noexcept
{
    auto &stack = thread_state().contexts;
    if (stack.empty())
        return nullptr;
    Context *top = stack.back();
    stack.pop_back();
    return top;
}

void set_context(Context *context)
{
    auto &stack = thread_state().contexts;
    if (!stack.empty())
        stack.pop_back();
    if (context)
        stack.push_back(context);
}

uint32_t current_word() noexcept
{
    Context *context = current_context();
    return context ? context->word() : 0;
}

} // namespace vgpu::client
