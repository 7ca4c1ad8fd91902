// SPDX-License-Identifier: Apache-2.0
// Many words sought at once by Aho and Corasick's automaton, whose table kernels read as a texture
// of linear memory; each thread begins a little before its piece, to see words that cross into it.
#include "array.h"

#include <queue>
#include <string>

const char *const program = "word-search";

constexpr int kLetters = 4, kPiece = 64;

__global__ void search(cudaTextureObject_t next, const int *ends, const char *text, int n,
                       int longest, unsigned *found)
{
    int piece = blockIdx.x * blockDim.x + threadIdx.x, begin = piece * kPiece;
    if (begin >= n)
        return;
    int state = 0;
    for (int i = max(0, begin - longest + 1); i < min(n, begin + kPiece); i++) {
        state = tex1Dfetch<int>(next, state * kLetters + (text[i] - 'a'));
        // Each end says which words end here, as bits.
        for (int set = i >= begin ? ends[state] : 0; set; set &= set - 1)
            atomicAdd(&found[__ffs(set) - 1], 1u);
    }
}

int main()
{
    std::vector<std::string> words;
    for (unsigned w = 0; w < 24; w++) {
        std::string word;
        for (unsigned i = 0; i < 2 + w / 4; i++)
            word += char('a' + scramble(w * 100 + i) % kLetters);
        words.push_back(word);
    }
    // The tree of all words, then where to go on when a letter does not fit.
    std::vector<int> next(kLetters, 0), ends(1, 0), back(1, 0);
    for (size_t w = 0; w < words.size(); w++) {
        size_t state = 0;
        for (char letter : words[w]) {
            int &to = next[state * kLetters + size_t(letter - 'a')];
            int seen = to;
            if (!seen) {
                seen = to = int(ends.size());
                next.resize(next.size() + kLetters, 0);
                ends.push_back(0);
                back.push_back(0);
            }
            state = size_t(seen);
        }
        ends[state] |= 1 << w;
    }
    std::queue<size_t> order;
    order.push(0);
    while (!order.empty()) {
        size_t state = order.front();
        order.pop();
        for (size_t letter = 0; letter < kLetters; letter++) {
            int &to = next[state * kLetters + letter];
            int other = next[size_t(back[state]) * kLetters + letter];
            if (to) {
                back[size_t(to)] = state ? other : 0;
                ends[size_t(to)] |= ends[size_t(back[size_t(to)])];
                order.push(size_t(to));
            } else {
                to = state ? other : 0;
            }
        }
    }

    std::string text;
    for (unsigned i = 0; i < 50000; i++)
        text += char('a' + scramble(i + 7777) % kLetters);
    Array<int> table(next.size()), outputs(ends.size());
    Array<char> letters(text.size());
    Array<unsigned> found(words.size(), 0);
    table.host = next;
    outputs.host = ends;
    letters.host.assign(text.begin(), text.end());
    table.put();
    outputs.put();
    letters.put();
    found.put();
    cudaResourceDesc resource{};
    resource.resType = cudaResourceTypeLinear;
    resource.res.linear.devPtr = table.at;
    resource.res.linear.desc = cudaCreateChannelDesc<int>();
    resource.res.linear.sizeInBytes = table.size() * 4;
    cudaTextureDesc how{};
    cudaTextureObject_t texture;
    CUDA(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
    search<<<blocks(text.size(), 64 * kPiece), 64>>>(texture, outputs.at, letters.at,
                                                     int(text.size()), 7, found.at);
    found.get();
    for (size_t w = 0; w < words.size(); w++) {
        unsigned count = 0;
        for (size_t at = text.find(words[w]); at != text.npos; at = text.find(words[w], at + 1))
            count++;
        EXPECT(found[w] == count);
    }
    CUDA(cudaDestroyTextureObject(texture));
    passed(found.sum());
}
