/* Initial weights from a file. */
#include "../check_main.h"
#include "fixture.h"

#include "base/hash.h"
#include "base/safetensors.h"
#include <math.h>

/* Numbers 0.5, 1.5, ... for layers.0 of a network of 3 inputs; F32 weights, F64 biases, of which the last is `last`. */
static void write_numbers(const char *path, size_t units, double last)
{
    float weight[64];
    double bias[8];
    struct safetensors_writer w = { 0 };
    struct err e = { 0 };
    for (size_t i = 0; i < 64; i++)
        weight[i] = (float)i + 0.5f;
    for (size_t i = 0; i < 8; i++)
        bias[i] = -(double)i;
    bias[units - 1] = last;
    safetensors_add(&w, "layers.0.weight", DTYPE_F32, 2, (size_t[]){ units, 3 }, weight);
    safetensors_add(&w, "layers.0.bias", DTYPE_F64, 1, (size_t[]){ units }, bias);
    must(safetensors_write(&w, path, NULL, &e), &e);
    safetensors_writer_free(&w);
}

static void write_file(const char *path, size_t units)
{
    write_numbers(path, units, 1 - (double)units);
}

static char folder[] = "/tmp/tprun-initial-XXXXXX", path[64], from_all[128], from_first[128];

static void setup(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/net.safetensors", folder);
    snprintf(from_all, sizeof from_all, "{network: {init: {from: {file: %s}}}}", path);
    snprintf(from_first, sizeof from_first, "{network: {init: {from: {file: %s, layers: [0]}}}}", path);
}

static void teardown(void)
{
    unlink(path);
    rmdir(folder);
}

/* The named layer is read, whatever its precision; the others are drawn as without a file. */
START_TEST(layers_are_read_by_name)
{
    struct fixture read, drawn;
    struct err e = { 0 };
    char hex[65];
    write_file(path, 5);
    fixture_open(&read, BLOBS, from_first);
    must(initial_read(read.trial, &e), &e);
    fixture_open(&drawn, BLOBS, "{}");
    const struct unit *l = read.trial->chain.units;
    const real *weight = unit_param(&l[0], 0, read.trial->chain.weights).p,
               *bias = unit_param(&l[0], 1, read.trial->chain.weights).p;
    for (size_t i = 0; i < 15; i++)
        ck_assert(weight[i] == (real)i + (real)0.5);
    for (size_t i = 0; i < 5; i++)
        ck_assert(bias[i] == -(real)i);
    for (size_t i = 1; i < 3; i++)
        for (size_t j = 0; j < 2; j++) {
            const struct mat a = unit_param(&l[i], j, read.trial->chain.weights),
                             b = unit_param(&l[i], j, drawn.trial->chain.weights);
            ck_assert_mem_eq(a.p, b.p, mat_n(a) * sizeof(real));
        }
    must(hash_file_hex(path, hex, &e), &e);
    ck_assert_str_eq(read.trial->initial_sha256, hex);
    fixture_close(&read);
    fixture_close(&drawn);
}
END_TEST

/* The bytes are recorded once, at step 0. */
START_TEST(the_file_is_recorded)
{
    struct fixture f;
    struct err e = { 0 };
    struct trial_outcome outcome;
    char expected[300];
    const struct trial_control control = { 0 };
    write_file(path, 5);
    fixture_open(&f, BLOBS, from_first);
    struct records r = records_new();
    must(trial_run(f.trial, &r.sink, &control, &outcome, &e), &e);
    snprintf(expected, sizeof expected, "%s, SHA-256 %s, layers 0", path, f.trial->initial_sha256);
    const char *first = strstr(r.text.s, expected);
    ck_assert_msg(first != NULL, "%s", r.text.s);
    ck_assert_ptr_null(strstr(first + 1, expected));
    text_free(&r.text);
    fixture_close(&f);
}
END_TEST

static void refused(const char *own, const char *message)
{
    struct fixture f;
    struct err e = { 0 }, checked = { 0 };
    char text[300];
    fixture_bind(&f, BLOBS, own);
    const struct trial_control control = { 0 };
    struct trial_outcome outcome;
    must(trial_open(&f.trial, &f.config, &e), &e); /* a checkpoint may come instead of the file */
    struct records r = records_new();
    ck_assert_int_lt(trial_run(f.trial, &r.sink, &control, &outcome, &e), 0);
    text_free(&r.text);
    snprintf(text, sizeof text, message, path);
    ck_assert_str_eq(err_first(&e), text);
    ck_assert_int_eq(trial_check_initial(&f.config, &f.arena, &checked), e.code); /* before the first trial starts */
    ck_assert_str_eq(err_first(&checked), text);
    err_clear(&e);
    err_clear(&checked);
    fixture_close(&f);
}

START_TEST(files_that_do_not_fit)
{
    write_file(path, 5);
    refused(from_all, "network.init.from.file: %s: no tensor 'layers.1.weight'; expected shape [6, 5]");
    write_file(path, 4);
    refused(from_first, "network.init.from.file: %s: tensor 'layers.0.weight' has shape [4, 3], expected [5, 3]");
    write_numbers(path, 5, NAN);
    refused(from_first,
            "network.init.from.file: %s: tensor 'layers.0.bias': number 4 (counted from 0) is nan: missing, or "
            "beyond the numbers of this precision, which end at 3.4e+38");
    write_numbers(path, 5, 1e39);
    refused(from_first,
            "network.init.from.file: %s: tensor 'layers.0.bias': number 4 (counted from 0) is 1e+39: missing, "
            "or beyond the numbers of this precision, which end at 3.4e+38");
    unlink(path);
    refused(from_first, "network.init.from.file: %s: No such file or directory");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, layers_are_read_by_name);
    tcase_add_test(tcase, the_file_is_recorded);
    tcase_add_test(tcase, files_that_do_not_fit);
}

CHECK_MAIN("initial", add_tests)
