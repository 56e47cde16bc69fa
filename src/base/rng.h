/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2,
 * 3", SC 2011). A draw is a pure function of (seed, stream name, item, position): nothing has to be saved to resume,
 * and two variants with one seed see the same data, noise and initial weights. */
#ifndef TPRUN_BASE_RNG_H
#define TPRUN_BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    uint32_t key[2];     /* from seed and stream name */
    uint32_t counter[4]; /* [0..1] position / 4, [2..3] item */
    uint32_t word[4];
    unsigned left; /* words of `word` not yet used */
};

/* The stream `name` of `seed`, at item 0, position 0. */
struct rng rng_stream(uint64_t seed, const char *name);
/* Goes to position 0 of `item`: a minibatch, a sequence, a parameter. */
void rng_seek(struct rng *r, uint64_t item);
uint32_t rng_u32(struct rng *r);
/* Uniform in [0, 1), 53 bits. */
double rng_uniform(struct rng *r);
/* Uniform in 0 .. n-1, n >= 1, without bias. */
uint32_t rng_below(struct rng *r, uint32_t n);
/* Standard normal (Box-Muller on two uniforms); many at once: math/normal.h. */
double rng_normal(struct rng *r);
/* n words (a multiple of 4) of r's present item, from block `block` of four on, for filling arrays: the first words of
 * all blocks, then the second ones, and so on. r does not move. */
void rng_words(const struct rng *r, uint64_t block, size_t n, uint32_t *out);
/* Philox itself, for tests against the published vectors. */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
