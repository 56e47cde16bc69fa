/* Any bytes as a CIFAR-10 batch: accepted only if they are whole records of the number expected, with labels below 10.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_cifar.c src/data/cifar.c \
 *     src/base/{err,text}.c -lm -o fuzz_cifar
 * ./fuzz_cifar -max_len=12292 -timeout=5 -rss_limit_mb=512 NEW tests/fuzz/corpus/cifar
 */
#include "data/cifar.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t n = 0; n < 4; n++) {
        struct err e = { 0 };
        const int code = cifar_check(data, size, n, "fuzz", &e);
        if (code == 0) {
            if (size != n * CIFAR_RECORD)
                abort();
            for (size_t i = 0; i < n; i++)
                if (data[i * CIFAR_RECORD] > 9)
                    abort();
        } else if (e.code != ERR_FORMAT) {
            abort();
        }
        err_clear(&e);
    }
    return 0;
}
