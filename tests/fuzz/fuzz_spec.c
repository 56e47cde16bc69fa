/* Any bytes as an experiment file: read, composed, counted, and the first trials built. Whatever the bytes are, there
 * is an error with a message or a tree within the limits of tree.h, and canonical JSON reads back as itself.
 *
 * clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Isrc tests/fuzz/fuzz_spec.c src/spec/[a-z]*.c \
 *     src/base/{err,text,arena,part,rng,hash,file}.c -lyaml -lnettle -lz -lm -o fuzz_spec
 * ./fuzz_spec -max_len=8192 -timeout=5 -rss_limit_mb=512 NEW tests/fuzz/corpus/spec tests/spec/bad
 */
#include "spec/study.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

/* Equal trees give equal text, so the text must read back as the same tree. */
static void check_json(const struct node *n, struct arena *a)
{
    struct text first = { 0 }, second = { 0 };
    struct err e = { 0 };
    tree_json(n, &first);
    const struct node *again = tree_parse("json", first.s, first.n, a, &e);
    if (again) { /* a key with a dot in a name cannot occur, but escapes may make the text longer than a file may be */
        tree_json(again, &second);
        require(strcmp(first.s, second.s) == 0);
    } else {
        require(e.code != 0);
    }
    err_clear(&e);
    text_free(&first);
    text_free(&second);
}

static void print_errors(const struct err *e)
{
    char *out = NULL;
    size_t n = 0;
    FILE *f = open_memstream(&out, &n);
    require(f != NULL);
    err_print(e, f, true);
    require(fclose(f) == 0);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct err e = { 0 };
    struct study s;
    arena_init(&a, 0);
    struct node *tree = tree_parse("fuzz", (const char *)data, size, &a, &e);
    require((tree == NULL) == (e.code != 0));
    if (tree)
        check_json(tree, &a);
    err_clear(&e);
    const char *const overrides[] = { "train.batch_size=3", "sweep.grid.q=[1, 2]" };
    const size_t n_overrides = size % 3; /* by chance, but the same each time */
    const char *profile = size % 5 == 0 ? "p" : NULL;
    const int code = study_parse(&s, "fuzz", (const char *)data, size, profile, overrides, n_overrides, &a, &e);
    require((code == 0) == (e.n_errors == 0));
    uint64_t n = 0;
    if (code == 0 && study_count(&s, 0, &n, &e) == 0)
        for (uint64_t i = 0; i < n && i < 4; i++) {
            struct study_trial t;
            if (study_trial(&s, i == 3 ? n - 1 : i, &t, &a, &e) == 0 && !t.excluded)
                check_json(t.tree, &a);
        }
    print_errors(&e);
    study_close(&s);
    err_clear(&e);
    arena_finish(&a);
    return 0;
}
