#ifndef REKEY_CSCAN_H
#define REKEY_CSCAN_H

// Marks of bytes, 64 at a time. C, since Swift has no way to the instruction that gathers one bit of each byte of a vector.

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

/// One bit for each of the 64 bytes at `p`, the first byte's lowest: set for the bytes that end plain text in a JSON string,
/// which are the quote, the backslash, those below 0x20 and those above 0x7F.
static inline uint64_t rekey_special_bytes(const uint8_t *p) {
#if defined(__SSE2__)
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), space = _mm_set1_epi8(0x20);
    uint64_t marks = 0;
    for (int i = 0; i < 4; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(p + 16 * i));
        // Compared with a sign, bytes above 0x7F are below the space too.
        __m128i special = _mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quote), _mm_cmpeq_epi8(bytes, slash)), _mm_cmplt_epi8(bytes, space));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(special) << (16 * i);
    }
    return marks;
#elif defined(__ARM_NEON) && defined(__aarch64__)
    const uint8x16_t bit = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t found[4];
    for (int i = 0; i < 4; i++) {
        uint8x16_t bytes = vld1q_u8(p + 16 * i);
        uint8x16_t special = vorrq_u8(
            vorrq_u8(vceqq_u8(bytes, vdupq_n_u8('"')), vceqq_u8(bytes, vdupq_n_u8('\\'))),
            vcltq_s8(vreinterpretq_s8_u8(bytes), vdupq_n_s8(0x20)));
        found[i] = vandq_u8(special, bit);
    }
    uint8x16_t sum = vpaddq_u8(vpaddq_u8(found[0], found[1]), vpaddq_u8(found[2], found[3]));
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(sum, sum)), 0);
#else
    uint64_t marks = 0;
    for (int i = 0; i < 64; i++) {
        uint8_t byte = p[i];
        marks |= (uint64_t)(byte == '"' || byte == '\\' || byte < 0x20 || byte > 0x7F) << i;
    }
    return marks;
#endif
}

/// Writes the marks of `count` bytes, and one more that is set behind the last: `count / 64 + 1` words in all.
static inline void rekey_mark_special_bytes(const uint8_t *p, long count, uint64_t *marks) {
    long words = count / 64, rest = count % 64;
    for (long word = 0; word < words; word++) marks[word] = rekey_special_bytes(p + 64 * word);
    uint64_t last = 0;
    if (rest > 0 && words > 0) {
        // The last 64 bytes, so that nothing behind the end is read.
        last = rekey_special_bytes(p + count - 64) >> (64 - rest);
    } else if (rest > 0) {
        uint8_t copy[64] = {0};
        memcpy(copy, p, (size_t)rest);
        last = rekey_special_bytes(copy) & ((1ULL << rest) - 1);
    }
    marks[words] = last | 1ULL << rest;
}

#endif
