#include "base/hash.h"
#include "base/safetensors.h"
#include "base/text.h"
#include "check_main.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static void make_folder(void)
{
    strcpy(folder, "/tmp/check_safetensors_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_lt(snprintf(path, sizeof path, "%s/a.safetensors", folder), (int)sizeof path);
}

/* Removes the folder, which must hold nothing but, perhaps, the file: no temporary stays behind. */
static void remove_folder(void)
{
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

/* A file in memory: header as written, then n_data bytes of 0. */
static struct text file_of(const char *header, size_t n_data)
{
    struct text t = { 0 };
    const uint64_t length = strlen(header);
    text_put(&t, (const char *)&length, 8);
    text_puts(&t, header);
    for (size_t i = 0; i < n_data; i++)
        text_putc(&t, 0);
    return t;
}

static const float weights[6] = { 2.385f, -0.0f, NAN, INFINITY, 1e-45f, -3 };
static const double bias[3] = { 0.1, -1e308, 5e-324 };
static const int64_t counts[2] = { INT64_MIN, 7 };
static const double scalar = 42.5;

static void write_example(char hex[65], bool reversed)
{
    struct safetensors_writer w = { 0 };
    struct err e = { 0 };
    for (int i = 0; i < 5; i++)
        switch (reversed ? 4 - i : i) {
        case 0:
            safetensors_add(&w, "weight", DTYPE_F32, 2, (const size_t[]){ 2, 3 }, weights);
            break;
        case 1:
            safetensors_add(&w, "bias", DTYPE_F64, 1, (const size_t[]){ 3 }, bias);
            break;
        case 2:
            safetensors_add(&w, "counts", DTYPE_I64, 1, (const size_t[]){ 2 }, counts);
            break;
        case 3:
            safetensors_add(&w, "a \"scalar\"", DTYPE_F64, 0, NULL, &scalar);
            break;
        case 4:
            safetensors_add(&w, "empty", DTYPE_F32, 3, (const size_t[]){ 4, 0, 2 }, NULL);
            break;
        }
    safetensors_add_metadata(&w, reversed ? "z" : "step", reversed ? "" : "200");
    safetensors_add_metadata(&w, reversed ? "step" : "z", reversed ? "200" : "");
    ck_assert_int_eq(safetensors_write(&w, path, hex, &e), 0);
    safetensors_writer_free(&w);
}

START_TEST(what_was_written_is_read)
{
    make_folder();
    char hex[65], of_file[65];
    write_example(hex, false);
    struct err e = { 0 };
    ck_assert_int_eq(hash_file_hex(path, of_file, &e), 0);
    ck_assert_str_eq(hex, of_file);

    struct safetensors f = { 0 };
    ck_assert_int_eq(safetensors_open(&f, path, 4096, &e), 0);
    ck_assert_uint_eq(f.n_tensors, 5);
    static const char *const names[] = { "a \"scalar\"", "bias", "counts", "empty", "weight" };
    for (size_t i = 0; i < 5; i++) {
        ck_assert_str_eq(f.tensors[i].name, names[i]);
        ck_assert_ptr_eq(safetensors_find(&f, names[i]), &f.tensors[i]);
    }
    ck_assert_ptr_null(safetensors_find(&f, "bia"));

    const struct tensor *w = safetensors_find(&f, "weight"), *b = safetensors_find(&f, "bias"),
                        *c = safetensors_find(&f, "counts"), *s = safetensors_find(&f, "a \"scalar\""),
                        *none = safetensors_find(&f, "empty");
    ck_assert(w->dtype == DTYPE_F32 && w->rank == 2 && w->shape[0] == 2 && w->shape[1] == 3 && w->n == 6);
    ck_assert_mem_eq(w->data, weights, sizeof weights); /* bits: NaN, -0, a denormal */
    ck_assert_double_eq(tensor_get(w, 0), (double)2.385f);
    ck_assert_double_nan(tensor_get(w, 2));
    ck_assert_mem_eq(b->data, bias, sizeof bias);
    ck_assert_double_eq(tensor_get(b, 1), -1e308);
    ck_assert_int_eq(tensor_get_int(c, 0), INT64_MIN);
    ck_assert_double_eq(tensor_get(c, 1), 7);
    ck_assert(s->rank == 0 && s->n == 1);
    ck_assert_double_eq(tensor_get(s, 0), 42.5);
    ck_assert(none->rank == 3 && none->n == 0);

    ck_assert_uint_eq(f.n_metadata, 2);
    ck_assert_str_eq(safetensors_metadata(&f, "step"), "200");
    ck_assert_str_eq(safetensors_metadata(&f, "z"), "");
    ck_assert_ptr_null(safetensors_metadata(&f, "s"));
    safetensors_close(&f);
    remove_folder();
}
END_TEST

START_TEST(metadata_of_others_is_valid_json)
{
    make_folder();
    struct safetensors_writer w = { 0 };
    struct safetensors f;
    struct err e = { 0 };
    safetensors_add_metadata(&w, "variant", "\x1b[31m\u202e\xff\"");
    ck_assert_int_eq(safetensors_write(&w, path, NULL, &e), 0);
    safetensors_writer_free(&w);
    ck_assert_msg(safetensors_open(&f, path, 1 << 20, &e) == 0, "%s", err_first(&e));
    ck_assert_str_eq(safetensors_metadata(&f, "variant"), "\x1b[31m\u202e\ufffd\"");
    safetensors_close(&f);
    remove_folder();
}
END_TEST

START_TEST(bytes_do_not_depend_on_the_order_of_adding)
{
    make_folder();
    char first[65], second[65];
    write_example(first, false);
    write_example(second, true);
    ck_assert_str_eq(first, second);
    remove_folder();
}
END_TEST

/* The layout of the format, byte by byte; data is aligned to 8. */
START_TEST(layout)
{
    make_folder();
    struct safetensors_writer w = { 0 };
    struct err e = { 0 };
    const float one[1] = { 1 };
    const double two[1] = { 2 };
    safetensors_add(&w, "a", DTYPE_F32, 1, (const size_t[]){ 1 }, one);
    safetensors_add(&w, "b", DTYPE_F64, 1, (const size_t[]){ 1 }, two);
    ck_assert_int_eq(safetensors_write(&w, path, NULL, &e), 0);
    safetensors_writer_free(&w);
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]},"
                                 "\"b\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]}}";
    const size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    char expected[256];
    memset(expected, ' ', sizeof expected);
    memcpy(expected, &(uint64_t){ padded }, 8);
    memcpy(expected + 8, header, sizeof header - 1);
    memcpy(expected + 8 + padded, two, 8);
    memcpy(expected + 16 + padded, one, 4);
    char bytes[256];
    FILE *f = fopen(path, "rb");
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes, f), 20 + padded);
    fclose(f);
    ck_assert_mem_eq(bytes, expected, 20 + padded);
    remove_folder();
}
END_TEST

/* What other writers do and the format allows: blanks, any order of members, unaligned data, shared places of empty
 * tensors. */
START_TEST(other_writers)
{
    struct text t = file_of("{\"i\":{\"data_offsets\":[1,9] , \"shape\":[1],\"dtype\":\"I64\"}}   ", 9);
    struct safetensors f = { 0 };
    struct err e = { 0 };
    ck_assert_int_eq(safetensors_parse(&f, t.s, t.n, "t", &e), ERR_FORMAT); /* a hole before it */
    err_clear(&e);
    text_free(&t);
    t = file_of("{\"i\":{\"data_offsets\":[0,8] , \"shape\":[1],\"dtype\":\"I64\"},"
                "\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[8,8]},"
                "\"d\":{\"dtype\":\"F64\",\"shape\":[5,0],\"data_offsets\":[0,0]}}  \n",
                8);
    ck_assert_int_eq(safetensors_parse(&f, t.s, t.n, "t", &e), 0);
    ck_assert_uint_eq(f.n_tensors, 3);
    ck_assert_int_eq(tensor_get_int(safetensors_find(&f, "i"), 0), 0);
    safetensors_close(&f);
    text_free(&t);
    t = file_of("{}", 0);
    ck_assert_int_eq(safetensors_parse(&f, t.s, t.n, "t", &e), 0);
    ck_assert_uint_eq(f.n_tensors, 0);
    safetensors_close(&f);
    text_free(&t);
}
END_TEST

#define T(fields) "{\"w\":{" fields "}}"
static const struct {
    const char *header;
    size_t n_data;
    const char *reason;
} hostile[] = {
    { "", 0, "not a JSON object" },
    { "[]", 0, "not a JSON object" },
    { " {}", 0, "not a JSON object" },
    { "{", 0, "bad JSON" },
    { "{}{}", 0, "bad JSON" },
    { "{}x", 0, "bad JSON" },
    { "{\"a\":1,}", 0, "bad JSON" },
    { "{\"w\\u0000\":{}}", 0, "bad JSON" },
    { "{\"\xff\":{}}", 0, "bad JSON" },
    { "{}", 1, "1 bytes after the last tensor" },
    { "{\"w\":1}", 0, "tensor \"w\": needs exactly" },
    { "{\"w\":{}}", 0, "needs exactly" },
    { "{\"__proto__\":{}}", 0, "tensor \"__proto__\": needs exactly" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":0"), 4, "needs exactly" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]"), 4, "data_offsets must be" },
    { T("\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]"), 4, "dtype must be" },
    { T("\"dtype\":\"f32\",\"shape\":[1],\"data_offsets\":[0,4]"), 4, "dtype must be" },
    { T("\"dtype\":0,\"shape\":[1],\"data_offsets\":[0,4]"), 4, "dtype must be" },
    { T("\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]"), 4, "shape must be" },
    { T("\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[0,4]"), 4, "shape must be" },
    { T("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1],\"data_offsets\":[0,4]"), 4, "shape must be" },
    { T("\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]"), 4, "shape must hold" },
    { T("\"dtype\":\"F32\",\"shape\":[1.0],\"data_offsets\":[0,4]"), 4, "shape must hold" },
    { T("\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]"), 4, "shape must hold" },
    { T("\"dtype\":\"F32\",\"shape\":[NaN],\"data_offsets\":[0,4]"), 4, "bad JSON" },
    { T("\"dtype\":\"F32\",\"shape\":[1e999],\"data_offsets\":[0,4]"), 4, "bad JSON" },
    { T("\"dtype\":\"F32\",\"shape\":[9223372036854775808],\"data_offsets\":[0,4]"), 4, "bad JSON" },
    /* the product of these sizes is 4 modulo 2^64 */
    { T("\"dtype\":\"F32\",\"shape\":[4194305,4194305,211106198978564],\"data_offsets\":[0,16]"), 16, "too large" },
    { T("\"dtype\":\"F64\",\"shape\":[2305843009213693952],\"data_offsets\":[0,0]"), 0, "too large" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]"), 4, "do not lie in the 4 bytes" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]"), 4, "do not lie" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,5]"), 4, "do not lie" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,9223372036854775807]"), 4, "do not lie" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,3]"), 4, "span 3 bytes" },
    { T("\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]"), 4, "need 8" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]"), 4, "two whole numbers" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]"), 4, "two whole numbers" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]"), 4, "two whole numbers" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\"04\""), 4, "two whole numbers" },
    { T("\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 5, "1 bytes after the last" },
    { T("\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]"), 4, "occurs twice" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      8, "occurs twice" },
    { "{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"\\u0077\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      8, "occurs twice" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      8, "tensor \"b\": data begins at byte 4" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
      4, "data begins at byte 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
      12, "data begins at byte 8" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}",
      8, "data begins at byte 4" },
    { "{\"__metadata__\":[]}", 0, "__metadata__ is not" },
    { "{\"__metadata__\":{\"a\":1}}", 0, "something else than strings" },
    { "{\"\\u001b[2J\\n\":{}}", 0, "tensor \"\\u001b[2J\\n\":" }, /* no escape sequence reaches a terminal */
};

START_TEST(hostile_headers_are_refused)
{
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        struct text t = file_of(hostile[i].header, hostile[i].n_data);
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_msg(safetensors_parse(&f, t.s, t.n, "name.st", &e) == ERR_FORMAT, "accepted: %s", hostile[i].header);
        ck_assert_msg(strstr(err_first(&e), hostile[i].reason) && strncmp(err_first(&e), "name.st: ", 9) == 0,
                      "%s: said \"%s\"", hostile[i].header, err_first(&e));
        ck_assert(!f.bytes && !f.tensors && !f.metadata);
        err_clear(&e);
        text_free(&t);
    }
}
END_TEST

START_TEST(hostile_lengths_are_refused)
{
    static const uint64_t lengths[] = {
        3, 100, (UINT64_C(16) << 20) + 1, UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63
    };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        char bytes[10] = "01234567{}";
        memcpy(bytes, &lengths[i], 8);
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_int_eq(safetensors_parse(&f, bytes, sizeof bytes, "t", &e), ERR_FORMAT);
        err_clear(&e);
    }
    for (size_t n = 0; n < 8; n++) {
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_int_eq(safetensors_parse(&f, "\2\0\0\0\0\0\0\0{}", n, "t", &e), ERR_FORMAT);
        err_clear(&e);
    }
}
END_TEST

/* A header of a few megabytes that would cost the parser gigabytes, and one nested too deep. */
START_TEST(bombs_are_refused)
{
    for (int kind = 0; kind < 3; kind++) {
        struct text h = { 0 };
        text_puts(&h, "{\"a\":[0");
        for (int i = 0; i < (kind == 2 ? 100000 : 2000000); i++)
            text_puts(&h, kind == 0 ? ",{}" : kind == 1 ? ",1" : "[");
        text_puts(&h, "]}");
        struct text t = file_of(h.s, 0);
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_int_eq(safetensors_parse(&f, t.s, t.n, "t", &e), ERR_FORMAT);
        ck_assert_ptr_nonnull(strstr(err_first(&e), kind < 2 ? "too many members" : "bad JSON"));
        err_clear(&e);
        text_free(&t);
        text_free(&h);
    }
}
END_TEST

/* Every truncation of a good file is refused; so is every longer one. */
START_TEST(truncations_are_refused)
{
    make_folder();
    write_example(NULL, false);
    char bytes[4096];
    FILE *file = fopen(path, "rb");
    const size_t n = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    ck_assert_uint_lt(n, sizeof bytes);
    for (size_t i = 0; i < n; i++) {
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_int_eq(safetensors_parse(&f, bytes, i, "t", &e), ERR_FORMAT);
        err_clear(&e);
    }
    struct safetensors f = { 0 };
    struct err e = { 0 };
    bytes[n] = 0;
    ck_assert_int_eq(safetensors_parse(&f, bytes, n + 1, "t", &e), ERR_FORMAT);
    err_clear(&e);
    remove_folder();
}
END_TEST

START_TEST(only_small_regular_files_are_opened)
{
    make_folder();
    write_example(NULL, false);
    char fifo[96];
    ck_assert_int_lt(snprintf(fifo, sizeof fifo, "%s/fifo", folder), (int)sizeof fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    struct stat st;
    ck_assert_int_eq(stat(path, &st), 0);
    const struct {
        const char *path;
        size_t max_bytes;
        int code;
    } cases[] = {
        { path, (size_t)st.st_size, 0 },  { path, (size_t)st.st_size - 1, ERR_FORMAT },
        { folder, 1 << 20, ERR_IO },      { fifo, 1 << 20, ERR_IO },
        { "/dev/zero", 1 << 20, ERR_IO }, { "/dev/null", 1 << 20, ERR_IO },
        { "/no/such/file", 1, ERR_IO },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct safetensors f = { 0 };
        struct err e = { 0 };
        ck_assert_int_eq(safetensors_open(&f, cases[i].path, cases[i].max_bytes, &e), cases[i].code);
        if (cases[i].code < 0)
            ck_assert_ptr_nonnull(strstr(err_first(&e), cases[i].path));
        err_clear(&e);
        safetensors_close(&f);
    }
    unlink(fifo);
    remove_folder();
}
END_TEST

/* A write that fails (here: the file may not grow beyond 16 bytes) says so, leaves the old file and no temporary one.
 */
START_TEST(failed_write_leaves_the_old_file)
{
    make_folder();
    char before[65], after[65];
    write_example(before, false);
    struct safetensors_writer w = { 0 };
    struct err e = { 0 };
    safetensors_add(&w, "bias", DTYPE_F64, 1, (const size_t[]){ 3 }, bias);
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 16;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    const int code = safetensors_write(&w, path, NULL, &e);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(code, ERR_IO);
    ck_assert_ptr_nonnull(strstr(err_first(&e), strerror(EFBIG)));
    err_clear(&e);
    ck_assert_int_eq(hash_file_hex(path, after, &e), 0);
    ck_assert_str_eq(before, after);
    ck_assert_int_eq(safetensors_write(&w, "/no/such/folder/a.safetensors", NULL, &e), ERR_IO);
    err_clear(&e);
    safetensors_writer_free(&w);
    remove_folder();
}
END_TEST

START_TEST(shape_text)
{
    struct tensor t = { .rank = 3, .shape = { 20, 60, 6 } };
    char buffer[32], small[8];
    ck_assert_str_eq(tensor_shape_text(&t, buffer, sizeof buffer), "[20, 60, 6]");
    ck_assert_str_eq(tensor_shape_text(&t, small, sizeof small), "[20,...");
    t.rank = 0;
    ck_assert_str_eq(tensor_shape_text(&t, buffer, sizeof buffer), "[]");
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, what_was_written_is_read);
    tcase_add_test(tcase, metadata_of_others_is_valid_json);
    tcase_add_test(tcase, bytes_do_not_depend_on_the_order_of_adding);
    tcase_add_test(tcase, layout);
    tcase_add_test(tcase, other_writers);
    tcase_add_test(tcase, hostile_headers_are_refused);
    tcase_add_test(tcase, hostile_lengths_are_refused);
    tcase_add_test(tcase, bombs_are_refused);
    tcase_add_test(tcase, truncations_are_refused);
    tcase_add_test(tcase, only_small_regular_files_are_opened);
    tcase_add_test(tcase, failed_write_leaves_the_old_file);
    tcase_add_test(tcase, shape_text);
}

CHECK_MAIN("safetensors", add_tests)
