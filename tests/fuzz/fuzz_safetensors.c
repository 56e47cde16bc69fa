/* libFuzzer: any bytes are refused, or describe tensors that lie inside the file and can be read to the last element.
 *   clang -g -O1 -D_GNU_SOURCE -fsanitize=fuzzer,address,undefined -Isrc tests/fuzz/fuzz_safetensors.c \
 *     src/base/{safetensors,file,text,err}.c -ljansson -o fuzz_safetensors
 *   ./fuzz_safetensors -max_total_time=60 -rss_limit_mb=512 new-corpus tests/fuzz/corpus/safetensors */
#include "base/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct safetensors f = { 0 };
    struct err e = { 0 };
    if (safetensors_parse(&f, data, size, "fuzz", &e) < 0) {
        if (e.code == 0 || f.bytes || f.tensors)
            abort();
        err_clear(&e);
        return 0;
    }
    volatile double sum = 0;
    size_t bytes = 0;
    for (size_t i = 0; i < f.n_tensors; i++) {
        const struct tensor *t = &f.tensors[i];
        if (safetensors_find(&f, t->name) != t)
            abort();
        bytes += t->n * (t->dtype == DTYPE_F32 ? 4 : 8);
        for (size_t j = 0; j < t->n; j++)
            sum += tensor_get(t, j);
    }
    (void)sum;
    if (bytes > size)
        abort();
    safetensors_close(&f);
    return 0;
}
