/* What a worker does before its work, and the time. */
#include "trial/worker.h"

#include "math/blas.h"
#include <time.h>

int64_t worker_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void worker_warm_up(void)
{
    enum { N = 128 }; /* of the size of a small layer */
    struct arena a;
    arena_init(&a, 0);
    real *values = arena_need(&a, 3 * N * N, sizeof(real));
    const struct mat x = mat_of(values, N, N), y = mat_of(values + N * N, N, N), z = mat_of(values + 2 * N * N, N, N);
    blas_gemm(false, false, 1, x, y, 0, z);
    arena_finish(&a);
}
