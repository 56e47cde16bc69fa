/* Files meant to hurt: each is refused with its message, at once, in little memory. */
#include "fixture.h"
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Of the processor, not of the wall: a busy machine makes no difference. */
static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Parses, checks the time and the memory that the tree took, and returns the messages. */
static const char *refused(const struct text *t)
{
    const double start = seconds();
    const struct node *n = tree_parse("bomb", t->s, t->n, &arena, &err);
    ck_assert_double_lt(seconds() - start, 10.0); /* 1 s is the promise; sanitizers take their share */
    ck_assert_uint_lt(arena.used, 64u << 20);
    ck_assert_ptr_null(n);
    return messages();
}

START_TEST(alias_bomb)
{
    struct text t = { 0 };
    text_puts(&t, "l0: &l0 lol\n");
    for (int i = 1; i <= 20; i++) {
        text_add(&t, "l%d: &l%d [", i, i);
        for (int j = 0; j < 9; j++)
            text_add(&t, "%s*l%d", j ? ", " : "", i - 1);
        text_puts(&t, "]\n");
    }
    const char *message = refused(&t);
    ck_assert_ptr_nonnull(strstr(message, "more than 100000 keys and values once aliases are expanded\n"));
    ck_assert_int_eq(strncmp(message, "7:", 2), 0); /* 9^5 fits, 9^6 does not */
    text_free(&t);
}
END_TEST

START_TEST(merge_bomb)
{
    struct text t = { 0 };
    text_puts(&t, "x0: &x0 {a: 1}\n");
    for (int i = 1; i <= 60; i++)
        text_add(&t, "x%d: &x%d {k: [*x%d, *x%d], <<: *x%d}\n", i, i, i - 1, i - 1, i - 1);
    ck_assert_ptr_nonnull(strstr(refused(&t), "more than 100000 keys and values"));
    text_free(&t);
}
END_TEST

static const char *const brackets[] = { "[", "{a: ", "- " };

START_TEST(nesting)
{
    struct text t = { 0 };
    for (int i = 0; i < 100000; i++)
        text_puts(&t, brackets[_i]);
    ck_assert_ptr_nonnull(strstr(refused(&t), "nested deeper than 64 levels\n"));
    text_free(&t);
}
END_TEST

START_TEST(nesting_at_the_limit)
{
    for (int depth = 63; depth <= 64; depth++) {
        struct text t = { 0 };
        for (int i = 0; i < depth; i++)
            text_putc(&t, '[');
        text_puts(&t, "1");
        for (int i = 0; i < depth; i++)
            text_putc(&t, ']');
        if (depth == 63)
            ck_assert_ptr_nonnull(parse(t.s));
        else
            ck_assert_ptr_null(parse(t.s));
        err_clear(&err);
        text_free(&t);
    }
}
END_TEST

START_TEST(nesting_by_dots_and_by_aliases)
{
    struct text t = { 0 };
    for (int i = 0; i < 70; i++)
        text_puts(&t, "a.");
    text_puts(&t, "a: 1\n");
    ck_assert_ptr_nonnull(strstr(refused(&t), "nested deeper than 64 levels\n"));
    text_clear(&t);
    text_puts(&t, "- &a0 [1]\n");
    for (int i = 1; i < 80; i++)
        text_add(&t, "- &a%d [*a%d]\n", i, i - 1);
    ck_assert_ptr_nonnull(strstr(refused(&t), "nested deeper than 64 levels\n"));
    text_free(&t);
}
END_TEST

START_TEST(a_million_keys)
{
    struct text t = { 0 };
    text_puts(&t, "{");
    for (int i = 0; t.n < TREE_MAX_BYTES - 10; i++)
        text_add(&t, "%x,", i);
    text_puts(&t, "}");
    ck_assert_ptr_nonnull(strstr(refused(&t), "more than 1000 keys in one map\n"));
    while (t.n <= TREE_MAX_BYTES)
        text_puts(&t, "# longer\n");
    ck_assert_str_eq(refused(&t), "0:0: longer than 1048576 bytes: not an experiment file\n");
    text_free(&t);
}
END_TEST

START_TEST(many_values)
{
    struct text t = { 0 };
    text_puts(&t, "[");
    for (int i = 0; i < 200000; i++)
        text_puts(&t, "1,");
    text_puts(&t, "]");
    ck_assert_ptr_nonnull(strstr(refused(&t), "more than 100000 keys and values"));
    text_free(&t);
}
END_TEST

START_TEST(many_maps_of_many_keys)
{
    struct text t = { 0 };
    for (int i = 0; i < 45; i++) {
        text_puts(&t, "- {");
        for (int j = 0; j < 1000; j++)
            text_add(&t, "a.%d: 1,", j);
        text_puts(&t, "}\n");
    }
    const double start = seconds();
    (void)tree_parse("bomb", t.s, t.n, &arena, &err);
    ck_assert_double_lt(seconds() - start, 30.0);
    ck_assert_uint_lt(arena.used, 64u << 20);
    text_free(&t);
}
END_TEST

START_TEST(many_anchors)
{
    struct text t = { 0 };
    for (int i = 0; i < 20000; i++)
        text_add(&t, "- &a%d 1\n", i);
    ck_assert_ptr_nonnull(strstr(refused(&t), "more than 1000 anchors\n"));
    text_free(&t);
}
END_TEST

START_TEST(a_huge_scalar)
{
    struct text t = { 0 };
    text_puts(&t, "a: ");
    for (int i = 0; i < 70000; i++)
        text_putc(&t, 'x');
    ck_assert_str_eq(refused(&t), "1:4: a value of 70000 bytes; at most 65536 are read\n");
    text_free(&t);
}
END_TEST

START_TEST(a_raw_nul)
{
    struct text t = { 0 };
    text_put(&t, "a: x\0y", 6);
    ck_assert_str_eq(refused(&t), "1:5: not YAML in UTF-8: control characters are not allowed (0x00 at byte 4)\n");
    text_free(&t);
}
END_TEST

static const char *read_message(const char *path)
{
    const double start = seconds();
    ck_assert_ptr_null(tree_read(path, &arena, &err));
    ck_assert_double_lt(seconds() - start, 10.0);
    return messages();
}

START_TEST(what_is_no_file)
{
    char folder[] = "/tmp/tprun-hostile-XXXXXX", fifo[64];
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_lt(snprintf(fifo, sizeof fifo, "%s/fifo", folder), (int)sizeof fifo);
    ck_assert_int_eq(mkfifo(fifo, 0600), 0);
    ck_assert_str_eq(read_message(folder), "0:0: is a folder, not an experiment file\n");
    ck_assert_str_eq(read_message(fifo), "0:0: is not a regular file\n");
    ck_assert_str_eq(read_message("/dev/zero"), "0:0: is not a regular file\n");
    ck_assert_int_eq(unlink(fifo), 0);
    ck_assert_str_eq(read_message(fifo), "0:0: cannot be read: No such file or directory\n");
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(a_long_file_and_an_empty_one)
{
    char path[] = "/tmp/tprun-hostile-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_str_eq(read_message(path), "0:0: the file is empty\n");
    ck_assert_int_eq(ftruncate(fd, (off_t)1 << 40), 0); /* a hole of 1 TB */
    ck_assert_str_eq(read_message(path), "0:0: longer than 1048576 bytes: not an experiment file\n");
    ck_assert_int_eq(close(fd), 0);
    ck_assert_int_eq(unlink(path), 0);
}
END_TEST

START_TEST(standard_input)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "a: 1\n", 5), 5);
    ck_assert_int_eq(close(ends[1]), 0);
    const int saved = dup(STDIN_FILENO);
    ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
    const struct node *n = tree_read("-", &arena, &err);
    ASSERT_SOUND();
    ck_assert_str_eq(json(n), "{\"a\":1}");
    ck_assert_str_eq(n->where.source->name, "<stdin>");
    if (saved >= 0) {
        ck_assert_int_ge(dup2(saved, STDIN_FILENO), 0);
        ck_assert_int_eq(close(saved), 0);
    }
    ck_assert_int_eq(close(ends[0]), 0);
}
END_TEST

static void add_tests(TCase *c)
{
    tcase_add_checked_fixture(c, setup, teardown);
    tcase_add_test(c, alias_bomb);
    tcase_add_test(c, merge_bomb);
    tcase_add_loop_test(c, nesting, 0, 3);
    tcase_add_test(c, nesting_at_the_limit);
    tcase_add_test(c, nesting_by_dots_and_by_aliases);
    tcase_add_test(c, a_million_keys);
    tcase_add_test(c, many_values);
    tcase_add_test(c, many_maps_of_many_keys);
    tcase_add_test(c, many_anchors);
    tcase_add_test(c, a_huge_scalar);
    tcase_add_test(c, a_raw_nul);
    tcase_add_test(c, what_is_no_file);
    tcase_add_test(c, a_long_file_and_an_empty_one);
    tcase_add_test(c, standard_input);
}

CHECK_MAIN("hostile", add_tests)
