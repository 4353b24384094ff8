// SHA-256 (FIPS 180-4) of sixteen messages at a time: each vector holds the same word of all of them. In C, since Swift has
// no functions that use more of the processor than the rest of the program.

#include "sha256_lanes.h"

#if defined(__x86_64__)
#include <immintrin.h>

// FIPS 180-4 section 4.2.2.
static const uint32_t constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

#define WIDE __attribute__((target("avx512f,avx512bw")))
#define add _mm512_add_epi32
#define turn _mm512_ror_epi32
#define xor3(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0x96)
#define choose(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xca)
#define majority(a, b, c) _mm512_ternarylogic_epi32(a, b, c, 0xe8)

typedef __m512i vector;

/// Row k holds sixteen words of message k; afterwards row i holds word i of all messages.
WIDE static inline void transpose(vector rows[16]) {
    vector pairs[16], fours[16];
    for (int i = 0; i < 16; i += 2) {
        pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 16; i += 4) {
        fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
        fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
        fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
        fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        vector low = _mm512_shuffle_i32x4(fours[i], fours[i + 4], 0x88);
        vector high = _mm512_shuffle_i32x4(fours[i + 8], fours[i + 12], 0x88);
        rows[i] = _mm512_shuffle_i32x4(low, high, 0x88);
        rows[i + 8] = _mm512_shuffle_i32x4(low, high, 0xdd);
        low = _mm512_shuffle_i32x4(fours[i], fours[i + 4], 0xdd);
        high = _mm512_shuffle_i32x4(fours[i + 8], fours[i + 12], 0xdd);
        rows[i + 4] = _mm512_shuffle_i32x4(low, high, 0x88);
        rows[i + 12] = _mm512_shuffle_i32x4(low, high, 0xdd);
    }
}

/// One step of FIPS 180-4 section 6.2.2.3, with the functions of section 4.1.2.
#define step(constant, word)                                                                                   \
    {                                                                                                          \
        vector first = add(                                                                                    \
            add(h, xor3(turn(e, 6), turn(e, 11), turn(e, 25))),                                                \
            add(choose(e, f, g), add(_mm512_set1_epi32((int)(constant)), word)));                              \
        vector second = add(xor3(turn(a, 2), turn(a, 13), turn(a, 22)), majority(a, b, c));                    \
        h = g, g = f, f = e, e = add(d, first), d = c, c = b, b = a, a = add(first, second);                   \
    }

WIDE void sha256_lanes_update(uint32_t *state, const uint8_t *const *messages, size_t blocks) {
    const vector bigEndian =
        _mm512_broadcast_i32x4(_mm_set_epi8(12, 13, 14, 15, 8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3));
    vector sum[8];
    for (int i = 0; i < 8; i++) sum[i] = _mm512_loadu_si512(state + 16 * i);
    for (size_t block = 0; block < blocks; block++) {
        vector words[16];
        for (int k = 0; k < 16; k++)
            words[k] = _mm512_shuffle_epi8(_mm512_loadu_si512(messages[k] + 64 * block), bigEndian);
        transpose(words);
        vector a = sum[0], b = sum[1], c = sum[2], d = sum[3], e = sum[4], f = sum[5], g = sum[6], h = sum[7];
#pragma clang loop unroll(full)
        for (int i = 0; i < 16; i++) step(constants[i], words[i])
        for (int round = 16; round < 64; round += 16) {
#pragma clang loop unroll(full)
            for (int i = 0; i < 16; i++) {
                vector early = words[(i + 1) & 15], late = words[(i + 14) & 15];
                words[i] = add(
                    add(words[i], words[(i + 9) & 15]),
                    add(xor3(turn(early, 7), turn(early, 18), _mm512_srli_epi32(early, 3)),
                        xor3(turn(late, 17), turn(late, 19), _mm512_srli_epi32(late, 10))));
                step(constants[round + i], words[i])
            }
        }
        sum[0] = add(sum[0], a), sum[1] = add(sum[1], b), sum[2] = add(sum[2], c), sum[3] = add(sum[3], d);
        sum[4] = add(sum[4], e), sum[5] = add(sum[5], f), sum[6] = add(sum[6], g), sum[7] = add(sum[7], h);
    }
    for (int i = 0; i < 8; i++) _mm512_storeu_si512(state + 16 * i, sum[i]);
}

int sha256_lanes_are_there(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
}

#else

int sha256_lanes_are_there(void) { return 0; }

void sha256_lanes_update(uint32_t *state, const uint8_t *const *messages, size_t blocks) {
    (void)state, (void)messages, (void)blocks;
    __builtin_trap();
}

#endif
