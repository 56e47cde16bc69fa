#include "base/rng.h"

#include "base/hash.h"
#include <assert.h>
#include <math.h>
#include <nettle/sha2.h>
#include <string.h>
#ifdef __AVX2__
#include <immintrin.h>
#endif

/* Salmon et al. 2011, Table 2 and Sec. 4: multipliers of the 4x32 bijection, and the key's Weyl increments
 * (golden ratio and sqrt(3) - 1, times 2^32). */
#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u
#define PHILOX_ROUNDS 10

/* The bijection of one counter c under key k: branch-free, so that a loop over counters becomes vector code. */
static inline void philox(uint32_t c[4], uint32_t k0, uint32_t k1)
{
#pragma GCC unroll 10
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)PHILOX_M0 * c[0], p1 = (uint64_t)PHILOX_M1 * c[2];
        c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
        c[1] = (uint32_t)p1;
        c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
        c[3] = (uint32_t)p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
}

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    memcpy(out, counter, 4 * sizeof *out);
    philox(out, key[0], key[1]);
}

#ifdef __AVX2__
/* The low halves of eight numbers, four in each. */
static inline __m256i low_halves(__m256i a, __m256i b)
{
    const __m256i even =
        _mm256_castps_si256(_mm256_shuffle_ps(_mm256_castsi256_ps(a), _mm256_castsi256_ps(b), _MM_SHUFFLE(2, 0, 2, 0)));
    return _mm256_permute4x64_epi64(even, _MM_SHUFFLE(3, 1, 2, 0));
}

/* Four counters at once, a word in the low half of each 64 bits: what lies above it is never read. A compiler makes
 * three times as many instructions of the loop below. */
static inline void philox_of_four(__m256i c[4], uint32_t k0, uint32_t k1)
{
    const __m256i m0 = _mm256_set1_epi64x(PHILOX_M0), m1 = _mm256_set1_epi64x(PHILOX_M1);
#pragma GCC unroll 10
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        const __m256i p0 = _mm256_mul_epu32(c[0], m0), p1 = _mm256_mul_epu32(c[2], m1);
        const __m256i key0 = _mm256_set1_epi64x(k0), key1 = _mm256_set1_epi64x(k1);
        c[0] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p1, 32), c[1]), key0);
        c[1] = p1;
        c[2] = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p0, 32), c[3]), key1);
        c[3] = p0;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
}

/* Whole eights of n counters from `block` on, their words `stride` apart; returns how many. */
static size_t eights(const struct rng *r, uint64_t block, size_t n, size_t stride, uint32_t *out)
{
    const __m256i first = _mm256_set_epi64x(3, 2, 1, 0), item0 = _mm256_set1_epi64x(r->counter[2]),
                  item1 = _mm256_set1_epi64x(r->counter[3]);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256i c[2][4];
        for (size_t half = 0; half < 2; half++) {
            c[half][0] = _mm256_add_epi64(_mm256_set1_epi64x((long long)(block + i + 4 * half)), first);
            c[half][1] = _mm256_srli_epi64(c[half][0], 32);
            c[half][2] = item0;
            c[half][3] = item1;
            philox_of_four(c[half], r->key[0], r->key[1]);
        }
        for (size_t j = 0; j < 4; j++)
            _mm256_storeu_si256((__m256i *)(void *)(out + j * stride + i), low_halves(c[0][j], c[1][j]));
    }
    return i;
}
#else
static size_t eights(const struct rng *r, uint64_t block, size_t n, size_t stride, uint32_t *out)
{
    (void)r, (void)block, (void)n, (void)stride, (void)out;
    return 0;
}
#endif

void rng_words(const struct rng *r, uint64_t block, size_t n, uint32_t *out)
{
    assert(n % 4 == 0);
    uint32_t *restrict const out0 = out, *restrict const out1 = out + n / 4, *restrict const out2 = out + n / 2,
                             *restrict const out3 = out + n / 4 * 3;
    const uint32_t item0 = r->counter[2], item1 = r->counter[3], key0 = r->key[0], key1 = r->key[1];
    for (size_t i = eights(r, block, n / 4, n / 4, out); i < n / 4; i++) {
        uint32_t c[4] = { (uint32_t)(block + i), (uint32_t)((block + i) >> 32), item0, item1 };
        philox(c, key0, key1);
        out0[i] = c[0];
        out1[i] = c[1];
        out2[i] = c[2];
        out3[i] = c[3];
    }
}

static uint32_t little_endian(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* The key is a hash of the name, so streams are independent however alike their names and seeds are. */
struct rng rng_stream(uint64_t seed, const char *name)
{
    struct hash h;
    uint8_t digest[SHA256_DIGEST_SIZE];
    hash_init(&h);
    hash_add_int(&h, (int64_t)seed);
    hash_add_string(&h, name);
    sha256_digest(&h.ctx, sizeof digest, digest);
    return (struct rng){ .key = { little_endian(digest), little_endian(digest + 4) } };
}

void rng_seek(struct rng *r, uint64_t item)
{
    r->counter[0] = r->counter[1] = 0;
    r->counter[2] = (uint32_t)item;
    r->counter[3] = (uint32_t)(item >> 32);
    r->left = 0;
}

uint32_t rng_u32(struct rng *r)
{
    if (r->left == 0) {
        rng_philox(r->counter, r->key, r->word);
        r->left = 4;
        if (++r->counter[0] == 0)
            r->counter[1]++;
    }
    return r->word[4 - r->left--];
}

double rng_uniform(struct rng *r)
{
    const uint32_t high = rng_u32(r) >> 5, low = rng_u32(r) >> 6; /* 27 and 26 bits */
    return (high * 0x1p26 + low) * 0x1p-53;
}

/* Lemire 2019, "Fast random integer generation in an interval": the high word of a product, and rejection of the few
 * low words that would make some values more frequent. */
uint32_t rng_below(struct rng *r, uint32_t n)
{
    assert(n > 0);
    uint64_t product = (uint64_t)rng_u32(r) * n;
    if ((uint32_t)product < n) {
        const uint32_t reject = -n % n; /* 2^32 mod n */
        while ((uint32_t)product < reject)
            product = (uint64_t)rng_u32(r) * n;
    }
    return (uint32_t)(product >> 32);
}

/* The sine twin is not kept: a draw then depends on its position only. Scalar libm calls, so no bits depend on how the
 * caller's loop was vectorised. 1 - u lies in (0, 1]. */
double rng_normal(struct rng *r)
{
    const double u = 1.0 - rng_uniform(r), angle = 2.0 * M_PI * rng_uniform(r);
    return sqrt(-2.0 * log(u)) * cos(angle);
}
