// SPDX-License-Identifier: Apache-2.0
// cuBLASLt: choices of the heuristics are kept, since programs ask before every product (PyTorch
// does), and the answer is a function of the descriptors: the library keeps them too.
#include "remoting/libs/cublaslt-descriptors.h"
#include "remoting/libs/wrapper.h"

#include <mutex>
#include <string>
#include <unordered_map>

using namespace vgpu::libs;
namespace lt = vgpu::api::lt;

namespace vgpu::libs::remote
{
int cublasLtHeuristicsCacheSetCapacity(size_t capacity);
int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b, void *c,
                                   void *d, void *preference, int wanted, void *results,
                                   void *found);
} // namespace vgpu::libs::remote

namespace
{

constexpr size_t kResult = 96; // cublasLtMatmulHeuristicResult_t
constexpr int kMostWanted = 64;

struct Cache {
    std::mutex mutex;
    std::unordered_map<std::string, std::string> answers; // the results that were found
    size_t capacity = 8192;
};
Cache &cache = *new Cache; // for ever: the program's destructors may call us

// Of an address only what the choice depends on: whether there is one, and how it is aligned.
void add(std::string &key, lt::Kind kind, const void *descriptor)
{
    if (!descriptor) {
        key += '-';
        return;
    }
    std::string bytes(static_cast<const char *>(descriptor), lt::bytes_of(kind));
    for (const lt::Attribute &one : lt::attributes(kind))
        if (one.type == lt::Attribute::pointer)
            if (int64_t value = lt::value_of(static_cast<const std::byte *>(descriptor), one)) {
                value = (value & 255) | 256;
                std::memcpy(bytes.data() + one.at, &value, sizeof value);
            }
    key += '+';
    key += bytes;
}

std::string key_of(const void *handle, const void *operation,
                   std::initializer_list<const void *> layouts, const void *preference, int wanted)
{
    uint64_t numbers[] = {object_of(handle)->id, uint64_t(wanted)};
    std::string key(reinterpret_cast<const char *>(numbers), sizeof numbers);
    add(key, lt::Kind::matmul, operation);
    for (const void *layout : layouts)
        add(key, lt::Kind::layout, layout);
    add(key, lt::Kind::preference, preference);
    return key;
}

} // namespace

LIBRARY_ENTRY int cublasLtMatmulAlgoGetHeuristic(void *handle, void *operation, void *a, void *b,
                                                 void *c, void *d, void *preference, int wanted,
                                                 void *results, int *found)
try {
    int count = 0;
    auto ask_worker = [&] {
        int status = remote::cublasLtMatmulAlgoGetHeuristic(handle, operation, a, b, c, d,
                                                            preference, wanted, results, &count);
        if (found)
            *found = count;
        return status;
    };
    if (!handle || !results || wanted < 1 || wanted > kMostWanted)
        return ask_worker();
    std::string key = key_of(handle, operation, {a, b, c, d}, preference, wanted);
    {
        std::lock_guard lock(cache.mutex);
        if (auto at = cache.answers.find(key); at != cache.answers.end()) {
            std::memcpy(results, at->second.data(), at->second.size());
            if (found)
                *found = int(at->second.size() / kResult);
            return 0;
        }
    }
    int status = ask_worker();
    if (status != 0 || count < 1 || count > wanted)
        return status;
    std::lock_guard lock(cache.mutex);
    if (cache.answers.size() >= cache.capacity)
        cache.answers.clear();
    if (cache.capacity)
        cache.answers[key].assign(static_cast<const char *>(results), size_t(count) * kResult);
    return status;
} catch (const std::bad_alloc &) {
    return the_library.memory;
}

LIBRARY_ENTRY int cublasLtHeuristicsCacheSetCapacity(size_t capacity)
{
    {
        std::lock_guard lock(cache.mutex);
        cache.capacity = capacity;
        cache.answers.clear();
    }
    return remote::cublasLtHeuristicsCacheSetCapacity(capacity);
}
