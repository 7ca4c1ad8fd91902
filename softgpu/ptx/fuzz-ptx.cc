// SPDX-License-Identifier: Apache-2.0
#include "softgpu/ptx/fuzz-program.h"

#include <cstdint>
#include <cstring>

// Text is refused or becomes programs, and no program touches what is not its own. Half of the
// mutations are libFuzzer's, of bytes; the other half know words and lines.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    vgpu::soft::fuzz::run_anything({reinterpret_cast<const char *>(data), size});
    return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    std::mt19937 random(seed);
    if (random() % 4 == 0 && size > 0)
        return LLVMFuzzerMutate(data, size, most);
    std::string text(reinterpret_cast<char *>(data), size);
    // What the fuzzer begins with when it has no corpus.
    if (size < 2) {
        auto all = vgpu::soft::fuzz::seeds();
        text = all[random() % all.size()];
    }
    text = vgpu::soft::fuzz::mutate(std::move(text), random);
    size_t fits = std::min(text.size(), most);
    std::memcpy(data, text.data(), fits);
    return fits;
}
