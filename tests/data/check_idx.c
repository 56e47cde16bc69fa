/* IDX files: what is right is read, plain and inflated alike, and every lie is named with its place. */
#include "check_main.h"
#include "files.h"

#include "base/file.h"
#include "data/shared_idx.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
enum { ROWS = 3, HEIGHT = 4, WIDTH = 5, HEADER = 16, SIZE = HEADER + ROWS * HEIGHT * WIDTH };
static const uint32_t dims[3] = { ROWS, HEIGHT, WIDTH };

struct sample {
    uint8_t plain[SIZE], gzip[512];
    size_t n_gzip;
    struct idx want;
};

static struct sample sample_new(void)
{
    struct sample s = { .want = idx_layout(3, dims) };
    ck_assert_uint_eq(files_idx_header(s.plain, 3, dims), HEADER);
    for (size_t i = HEADER; i < SIZE; i++)
        s.plain[i] = (uint8_t)(i * 37);
    s.n_gzip = files_gzip(s.gzip, sizeof s.gzip, s.plain, SIZE);
    return s;
}

struct sink {
    uint8_t bytes[SIZE];
    size_t n;
};

static int collect(void *self, const uint8_t *bytes, size_t n, struct err *e)
{
    struct sink *s = self;
    if (n > sizeof s->bytes - s->n)
        return err_set(e, ERR_INTERNAL, "inflated beyond what was expected");
    memcpy(s->bytes + s->n, bytes, n);
    s->n += n;
    return 0;
}

static int inflate_to(struct sink *sink, const struct idx *want, const uint8_t *gzip, size_t n, struct err *e)
{
    *sink = (struct sink){ 0 };
    return idx_inflate(want, gzip, n, "f.gz", (struct idx_writer){ .write = collect, .self = sink }, e);
}

START_TEST(plain_and_gzip_agree)
{
    const struct sample s = sample_new();
    struct err e = { 0 };
    struct sink sink;
    ck_assert_uint_eq(s.want.size, SIZE);
    ck_assert_uint_eq(s.want.header, HEADER);
    ck_assert_int_eq(idx_check(&s.want, s.plain, SIZE, "f", &e), 0);
    ck_assert_int_eq(inflate_to(&sink, &s.want, s.gzip, s.n_gzip, &e), 0);
    ck_assert_uint_eq(sink.n, SIZE);
    ck_assert_mem_eq(sink.bytes, s.plain, SIZE);
    ck_assert_uint_eq(e.n_messages, 0);
}
END_TEST

/* Each field of the header with each of the values that are boundaries of its type. */
START_TEST(fields_that_lie)
{
    static const uint32_t lies[] = { 0, 1, 0xffffffff, 0x80000000, 0x7fffffff, 0xfffffffe, 2, 6 };
    struct sample s = sample_new();
    for (size_t field = 0; field < 3; field++)
        for (size_t l = 0; l < COUNT(lies); l++) {
            uint32_t changed[3] = { ROWS, HEIGHT, WIDTH };
            changed[field] = lies[l];
            files_idx_header(s.plain, 3, changed);
            s.n_gzip = files_gzip(s.gzip, sizeof s.gzip, s.plain, SIZE);
            struct err e = { 0 };
            struct sink sink;
            char words[32];
            snprintf(words, sizeof words, "f: byte %zu: dimension %zu", 4 + 4 * field, field + 1);
            files_refused(idx_check(&s.want, s.plain, SIZE, "f", &e), ERR_FORMAT, &e, words);
            snprintf(words, sizeof words, "f.gz: byte %zu: dimension %zu", 4 + 4 * field, field + 1);
            files_refused(inflate_to(&sink, &s.want, s.gzip, s.n_gzip, &e), ERR_FORMAT, &e, words);
            ck_assert_uint_eq(sink.n, 0); /* nothing was inflated for a header that lies */
        }
}
END_TEST

START_TEST(products_that_overflow)
{
    uint8_t bytes[HEADER];
    struct idx x;
    struct err e = { 0 };
    files_idx_header(bytes, 3, (const uint32_t[]){ 0xffffffff, 0xffffffff, 0xffffffff });
    files_refused(idx_header(&x, bytes, HEADER, "f", &e), ERR_FORMAT, &e, "f: byte 4: dimensions whose product");
    files_idx_header(bytes, 3, (const uint32_t[]){ 0x80000000, 0x80000000, 4 }); /* 2^64, that is 0 */
    files_refused(idx_header(&x, bytes, HEADER, "f", &e), ERR_FORMAT, &e, "f: byte 4: dimensions whose product");
    files_idx_header(bytes, 3, (const uint32_t[]){ 0x80000000, 0x80000000, 2 }); /* fits 64 bits, but no file */
    files_refused(idx_header(&x, bytes, HEADER, "f", &e), ERR_FORMAT, &e, "f: byte 4: dimensions whose product");
}
END_TEST

START_TEST(magic_numbers_that_lie)
{
    static const struct {
        size_t at;
        uint8_t value;
        const char *words;
    } lies[] = {
        { 0, 1, "byte 0" },    { 0, 0x1f, "byte 0" },     { 1, 0x80, "byte 0" },
        { 2, 0, "byte 2" },    { 2, 9, "byte 2" },        { 2, 0x0d, "byte 2: IDX type 0d" },
        { 3, 0, "byte 3: 0" }, { 3, 1, "byte 3: 1 dim" }, { 3, 2, "byte 3: 2 dim" },
        { 3, 4, "byte 3: 4" }, { 3, 255, "byte 3: 255" },
    };
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct sample s = sample_new();
        struct err e = { 0 };
        s.plain[lies[i].at] = lies[i].value;
        files_refused(idx_check(&s.want, s.plain, SIZE, "f", &e), ERR_FORMAT, &e, lies[i].words);
    }
}
END_TEST

START_TEST(every_cut)
{
    const struct sample s = sample_new();
    for (size_t n = 0; n < SIZE; n++) {
        struct err e = { 0 };
        uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read beyond the cut */
        memcpy(exact, s.plain, n);
        ck_assert_int_eq(idx_check(&s.want, exact, n, "f", &e), ERR_FORMAT);
        free(exact);
        err_clear(&e);
    }
    for (size_t n = 0; n < s.n_gzip; n++) {
        struct err e = { 0 };
        struct sink sink;
        uint8_t *exact = malloc(n ? n : 1);
        memcpy(exact, s.gzip, n);
        files_refused(inflate_to(&sink, &s.want, exact, n, &e), ERR_FORMAT, &e, "f.gz: ");
        free(exact);
    }
}
END_TEST

START_TEST(bytes_too_many)
{
    const struct sample s = sample_new();
    struct err e = { 0 };
    struct sink sink;
    uint8_t longer[SIZE + 1] = { 0 }, gzip[1024];
    memcpy(longer, s.plain, SIZE);
    files_refused(idx_check(&s.want, longer, SIZE + 1, "f", &e), ERR_FORMAT, &e, "77 bytes; the header asks for 76");
    const size_t n = files_gzip(gzip, sizeof gzip, longer, SIZE + 1);
    files_refused(inflate_to(&sink, &s.want, gzip, n, &e), ERR_FORMAT, &e, "inflates to more than the 76 bytes");
    memcpy(gzip, s.gzip, s.n_gzip); /* bytes behind the data, and a second member */
    gzip[s.n_gzip] = 0;
    files_refused(inflate_to(&sink, &s.want, gzip, s.n_gzip + 1, &e), ERR_FORMAT, &e, "1 bytes follow the gzip data");
    memcpy(gzip + s.n_gzip, s.gzip, s.n_gzip);
    files_refused(inflate_to(&sink, &s.want, gzip, 2 * s.n_gzip, &e), ERR_FORMAT, &e, "follow the gzip data, at byte");
}
END_TEST

/* 100 MB of zeros behind a right header: not one byte more than 76 is looked at. */
START_TEST(gzip_bomb)
{
    enum { BOMB = 100 * 1000 * 1000 };
    uint8_t *zeros = calloc(1, BOMB), *gzip = malloc(1 << 20);
    ck_assert(zeros && gzip);
    files_idx_header(zeros, 3, dims);
    const size_t n = files_gzip(gzip, 1 << 20, zeros, BOMB);
    const struct sample s = sample_new();
    struct err e = { 0 };
    struct sink sink;
    files_refused(inflate_to(&sink, &s.want, gzip, n, &e), ERR_FORMAT, &e, "inflates to more than the 76 bytes");
    ck_assert_uint_eq(sink.n, SIZE);
    free(zeros);
    free(gzip);
}
END_TEST

/* Data shorter than the header says, and every single bit of the compressed file: a flipped bit is found, or it is one
 * that means nothing (time and system in the header, padding at the end) and the data is right. */
START_TEST(gzip_damage)
{
    struct sample s = sample_new();
    struct err e = { 0 };
    struct sink sink;
    uint8_t gzip[512];
    const size_t n = files_gzip(gzip, sizeof gzip, s.plain, SIZE - 1);
    files_refused(inflate_to(&sink, &s.want, gzip, n, &e), ERR_FORMAT, &e,
                  "inflates to 75 bytes; the header asks for 76");
    for (size_t bit = 0; bit < 8 * s.n_gzip; bit++) {
        s.gzip[bit / 8] ^= (uint8_t)(1 << bit % 8);
        const int code = inflate_to(&sink, &s.want, s.gzip, s.n_gzip, &e);
        ck_assert(code == ERR_FORMAT || (code == 0 && memcmp(sink.bytes, s.plain, SIZE) == 0));
        ck_assert(code == ERR_FORMAT || bit < 80 || bit / 8 == s.n_gzip - 9);
        err_clear(&e);
        s.gzip[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}
END_TEST

START_TEST(labels)
{
    uint8_t bytes[8 + 5];
    const struct idx x = idx_layout(1, (const uint32_t[]){ 5 });
    struct err e = { 0 };
    files_idx_header(bytes, 1, (const uint32_t[]){ 5 });
    for (size_t i = 0; i < 5; i++)
        bytes[8 + i] = (uint8_t)(9 - i);
    ck_assert_int_eq(idx_check_labels(&x, bytes, 10, "f", &e), 0);
    bytes[11] = 10;
    files_refused(idx_check_labels(&x, bytes, 10, "f", &e), ERR_FORMAT, &e, "f: byte 11: label 10; expected 0 to 9");
}
END_TEST

/* ---- shared between processes ---- */

struct opened {
    struct shared_idx file;
    struct arena arena;
    struct err e;
    int code;
};

static struct opened open_shared(const struct sample *s, const char *path)
{
    struct opened o = { 0 };
    arena_init(&o.arena, 0);
    o.code = shared_idx_open(&o.file, &s->want, path, &o.arena, &o.e);
    return o;
}

static void close_shared(struct opened *o)
{
    shared_idx_close(&o->file);
    arena_finish(&o->arena);
    err_clear(&o->e);
}

static size_t count_files(const char *folder, const char *pattern)
{
    char command[256];
    size_t n = 0;
    snprintf(command, sizeof command, "find %s -name '%s' | wc -l", folder, pattern);
    FILE *p = popen(command, "r");
    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(fscanf(p, "%zu", &n), 1);
    pclose(p);
    return n;
}

START_TEST(inflated_once)
{
    char folder[64], path[128], damage[256];
    const struct sample s = sample_new();
    files_folder(folder);
    snprintf(path, sizeof path, "%s/f.gz", folder);
    files_write(path, s.gzip, s.n_gzip);
    for (int again = 0; again < 3; again++) {
        struct opened o = open_shared(&s, path);
        ck_assert_msg(o.code == 0 && o.e.n_messages == 0, "%s", err_first(&o.e));
        ck_assert_mem_eq(o.file.bytes, s.plain, SIZE);
        ck_assert_ptr_eq(o.file.bytes, o.file.map.bytes); /* mapped, not copied */
        close_shared(&o);
        ck_assert_uint_eq(count_files(folder, "*.idx"), 1);
        ck_assert_uint_eq(count_files(folder, "*.tmp"), 0);
        /* whatever has become of the cached file, it is not believed */
        snprintf(damage, sizeof damage, "f=$(echo %s/tprun/*.idx); %s", folder,
                 again == 0   ? "printf x | dd of=$f bs=1 seek=40 conv=notrunc 2>/dev/null"
                 : again == 1 ? ": > $f"
                              : ":");
        ck_assert_int_eq(system(damage), 0);
    }
    files_remove(folder);
}
END_TEST

START_TEST(without_a_cache)
{
    char folder[64], path[128], nowhere[128];
    const struct sample s = sample_new();
    files_folder(folder);
    snprintf(path, sizeof path, "%s/f.gz", folder);
    files_write(path, s.gzip, s.n_gzip);
    snprintf(nowhere, sizeof nowhere, "%s/f.gz/not-a-folder", folder);
    setenv("XDG_CACHE_HOME", nowhere, 1);
    struct opened o = open_shared(&s, path);
    ck_assert_int_eq(o.code, 0);
    ck_assert_int_eq(o.e.code, 0);
    ck_assert_uint_eq(o.e.n_messages, 1); /* it says so */
    ck_assert_ptr_null(o.file.map.bytes);
    ck_assert_mem_eq(o.file.bytes, s.plain, SIZE);
    close_shared(&o);
    files_remove(folder);
}
END_TEST

START_TEST(shared_refusals)
{
    char folder[64], path[128], other[128];
    struct sample s = sample_new();
    files_folder(folder);
    snprintf(path, sizeof path, "%s/f", folder);
    snprintf(other, sizeof other, "%s/folder", folder);
    files_write(path, s.plain, SIZE);
    struct opened o = open_shared(&s, path);
    ck_assert_int_eq(o.code, 0);
    ck_assert_mem_eq(o.file.bytes, s.plain, SIZE);
    close_shared(&o);
    files_write(path, s.plain, 0);
    o = open_shared(&s, path);
    files_refused(o.code, ERR_FORMAT, &o.e, "ends at byte 0");
    close_shared(&o);
    s.gzip[s.n_gzip - 7] ^= 1; /* CRC-32 */
    files_write(path, s.gzip, s.n_gzip);
    o = open_shared(&s, path);
    files_refused(o.code, ERR_FORMAT, &o.e, "damaged gzip data");
    ck_assert_uint_eq(count_files(folder, "*.idx*"), 0); /* nothing of it is kept */
    close_shared(&o);
    ck_assert_int_eq(truncate(path, 1 << 30), 0); /* a sparse file: refused by its size alone */
    o = open_shared(&s, path);
    files_refused(o.code, ERR_FORMAT, &o.e, "1073741824 bytes; expected at most");
    close_shared(&o);
    ck_assert_int_eq(mkdir(other, 0700), 0);
    o = open_shared(&s, other);
    files_refused(o.code, ERR_IO, &o.e, "is a folder");
    close_shared(&o);
    unlink(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    o = open_shared(&s, path);
    files_refused(o.code, ERR_IO, &o.e, "is not a regular file");
    close_shared(&o);
    o = open_shared(&s, "/dev/zero");
    files_refused(o.code, ERR_IO, &o.e, "is not a regular file");
    close_shared(&o);
    files_remove(folder);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, plain_and_gzip_agree);
    tcase_add_test(tcase, fields_that_lie);
    tcase_add_test(tcase, products_that_overflow);
    tcase_add_test(tcase, magic_numbers_that_lie);
    tcase_add_test(tcase, every_cut);
    tcase_add_test(tcase, bytes_too_many);
    tcase_add_test(tcase, gzip_bomb);
    tcase_add_test(tcase, gzip_damage);
    tcase_add_test(tcase, labels);
    tcase_add_test(tcase, inflated_once);
    tcase_add_test(tcase, without_a_cache);
    tcase_add_test(tcase, shared_refusals);
}

CHECK_MAIN("idx", add_tests)
