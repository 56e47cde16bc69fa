/* How fast this processor multiplies matrices, and the time. */
#include "trial/worker.h"

#include "math/blas.h"
#include <time.h>

int64_t worker_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

double worker_rate(int64_t ns)
{
    enum { N = 128 }; /* of the size of a small layer */
    struct arena a;
    arena_init(&a, 0);
    real *values = arena_need(&a, 3 * N * N, sizeof(real));
    for (size_t i = 0; i < 2 * N * N; i++)
        values[i] = (real)(1.0 + (double)(i % 7));
    const struct mat x = mat_of(values, N, N), y = mat_of(values + N * N, N, N), z = mat_of(values + 2 * N * N, N, N);
    blas_gemm(false, false, 1, x, y, 0, z);
    const int64_t start = worker_now_ns();
    int64_t elapsed;
    double products = 0;
    do {
        blas_gemm(false, false, 1, x, y, 0, z);
        products++;
        elapsed = worker_now_ns() - start;
    } while (elapsed < ns);
    arena_finish(&a);
    return products * 2.0 * N * N * N / ((double)elapsed * 1e-9); /* (n, n) by (n, n) takes 2 n^3 operations */
}

void worker_warm_up(void)
{
    (void)worker_rate(0);
}
