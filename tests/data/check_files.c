/* Data of one's own: what is right is read, in every type and both byte orders, and every lie is named with its place.
 */
#include "check_main.h"
#include "files.h"
#include "fixture.h"

#include "data/files_set.h"
#include <math.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
static char folder[64];

static void setup(void)
{
    files_folder(folder);
}

static void teardown(void)
{
    files_remove(folder);
}

static const char *at(struct arena *a, const char *name)
{
    return arena_printf(a, "%s/%s", folder, name);
}

/* An .npy file of version 1 with this header text and these bytes, and its twin: the same numbers in other bytes, for
 * two parts that must not be one. */
static void write_npy(const char *name, const char *header, const void *bytes, size_t n)
{
    uint8_t file[4096] = "\x93NUMPY\x01";
    struct arena a;
    arena_init(&a, 0);
    for (int twin = 0; twin < 2; twin++) {
        const char *text = arena_printf(&a, "%s%s", header, twin ? " " : "");
        const size_t length = strlen(text);
        ck_assert_uint_lt(10 + length + n, sizeof file);
        file[8] = (uint8_t)length;
        file[9] = (uint8_t)(length >> 8);
        memcpy(file + 10, text, length);
        memcpy(file + 10 + length, bytes, n);
        files_write(at(&a, arena_printf(&a, "%s%s", twin ? "twin-" : "", name)), file, 10 + length + n);
    }
    arena_finish(&a);
}

static void write_text(const char *name, const char *text)
{
    struct arena a;
    arena_init(&a, 0);
    files_write(at(&a, name), text, strlen(text));
    text = arena_printf(&a, "%s\n", text);
    files_write(at(&a, arena_printf(&a, "twin-%s", name)), text, strlen(text));
    arena_finish(&a);
}

/* Trains on x, and tests on its twin. The options are used up before the next are made. */
static struct files_opts options(const char *x, const char *y, const char *label)
{
    static char twin[32];
    ck_assert_int_lt(snprintf(twin, sizeof twin, "twin-%s", x), (int)sizeof twin);
    return (struct files_opts){
        .path = folder, .train = { x, y, label }, .test = { twin, y, label }, .eval_size = 2000, .shuffle = false
    };
}

/* The set, opened; e.n_messages tells whether it could be. */
static int open_set(struct files_set *set, const struct files_opts *o, struct arena *a, struct err *e)
{
    arena_init(a, 0);
    return files_set_open(set, o, a, e);
}

static void refused(const struct files_opts *o, const char *key, const char *words)
{
    struct files_set set;
    struct arena a;
    struct err e = { 0 };
    int code = open_set(&set, o, &a, &e);
    if (code == 0) {
        code = files_set_check(&set, &e);
        files_set_close(&set);
    } else {
        ck_assert_str_eq(set.fault, key);
    }
    ck_assert_int_lt(code, 0);
    files_refused(code, code, &e, words);
    arena_finish(&a);
}

/* The numbers 0 .. 5 (or -1 .. 4 of signed types) of every type, in both orders. */
START_TEST(types)
{
    static const struct {
        const char *code;
        enum number type;
    } cases[] = { { "u1", NUMBER_U1 }, { "i1", NUMBER_I1 }, { "i2", NUMBER_I2 }, { "i4", NUMBER_I4 },
                  { "i8", NUMBER_I8 }, { "f4", NUMBER_F4 }, { "f8", NUMBER_F8 } };
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int big = 0; big < 2; big++) {
            const size_t size = number_size(cases[i].type);
            uint8_t bytes[6 * 8], file[256] = "\x93NUMPY\x01";
            for (int k = 0; k < 6; k++) {
                const int64_t value = cases[i].type == NUMBER_U1 ? k : k - 1;
                const float single = (float)value;
                const double twice = (double)value;
                uint64_t word = (uint64_t)value;
                if (cases[i].type == NUMBER_F4) {
                    uint32_t bits;
                    memcpy(&bits, &single, sizeof bits);
                    word = bits;
                } else if (cases[i].type == NUMBER_F8) {
                    memcpy(&word, &twice, sizeof word);
                }
                for (size_t b = 0; b < size; b++)
                    bytes[(size_t)k * size + b] = (uint8_t)(word >> 8 * (big ? size - 1 - b : b));
            }
            const int n =
                snprintf((char *)file + 10, 200, "{'descr': '%c%s', 'fortran_order': False, 'shape': (3, 2), }\n",
                         big ? '>' : '<', cases[i].code);
            file[8] = (uint8_t)n;
            memcpy(file + 10 + n, bytes, 6 * size);
            struct array a;
            struct err e = { 0 };
            double out[6];
            ck_assert_int_eq(npy_read(file, 10 + (size_t)n + 6 * size, "f", &a, &e), 0);
            ck_assert_uint_eq(a.type, cases[i].type);
            ck_assert(a.rank == 2 && a.dim[0] == 3 && a.dim[1] == 2);
            array_read(&a, 0, 6, out);
            for (int k = 0; k < 6; k++)
                ck_assert_double_eq(out[k], cases[i].type == NUMBER_U1 ? k : k - 1);
        }
}
END_TEST

START_TEST(headers_that_lie)
{
    static const struct {
        const char *header, *words;
    } cases[] = {
        { "{'descr': '<f4', 'fortran_order': True, 'shape': (2,), }", "Fortran's order" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }",
          "byte 67: the header says 3 numbers of float32, 12 bytes; 8 follow" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "4 bytes; 8 follow" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 2), }", "a dimension is 0" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (), }", "no dimension" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 2), }", "beyond any memory" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }", "that memory can have" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1), }", "more than 4 dimensions" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (-2,), }", "byte 61: expected a dimension" },
        { "{'descr': '|O', 'fortran_order': False, 'shape': (2,), }", "Python objects" },
        { "{'descr': '<c8', 'fortran_order': False, 'shape': (2,), }", "numbers of type '<c8'" },
        { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "expected a string" },
        { "{'descr': '<f4', 'descr': '<f4', 'shape': (2,), }", "each once" },
        { "{'descr': '<f4', 'shape': (2,), }", "expected descr, fortran_order and shape" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "nothing more" },
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2,", "expected a dimension" },
        { "__import__('os').system('x')", "expected '{'" },
    };
    const uint8_t bytes[8] = { 0 };
    const struct files_opts o = options("x.npy", "x.npy", NULL);
    for (size_t i = 0; i < COUNT(cases); i++) {
        write_npy("x.npy", cases[i].header, bytes, sizeof bytes);
        refused(&o, "dataset.train.x", cases[i].words);
    }
}
END_TEST

/* Cut at each byte, it is refused, and never read beyond its end. */
START_TEST(cut_files)
{
    uint8_t file[128] = "\x93NUMPY\x01";
    const int n = snprintf((char *)file + 10, 100, "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }\n");
    file[8] = (uint8_t)n;
    const size_t whole = 10 + (size_t)n + 8;
    for (size_t cut = 0; cut <= whole; cut++) {
        uint8_t *exact = malloc(cut ? cut : 1);
        struct array a;
        struct err e = { 0 };
        memcpy(exact, file, cut);
        ck_assert_int_eq(npy_read(exact, cut, "f", &a, &e), cut == whole ? 0 : ERR_FORMAT);
        err_clear(&e);
        free(exact);
    }
}
END_TEST

static const char csv[] = "\xef\xbb\xbf\"a, long\",b,kind\r\n1,2.5,\"say \"\"a\"\"\"\r\n-3e1, .5 ,b\n16,7,\"a\nb\"\n\n";

START_TEST(csv_is_read)
{
    struct arena a;
    struct err e = { 0 };
    struct files_set set;
    const struct files_opts o = options("x.csv", NULL, "kind");
    double x[6], y[3];
    write_text("x.csv", csv);
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    const struct files_part *p = &set.part[FILES_TRAIN];
    array_read(&p->inputs, 0, 6, x);
    array_read(&p->labels, 0, 3, y);
    ck_assert(x[0] == 1 && x[1] == 2.5 && x[2] == -30 && x[3] == .5 && x[4] == 16 && x[5] == 7);
    ck_assert_str_eq(p->inputs.columns[0], "a, long");
    ck_assert_str_eq(p->inputs.columns[1], "b");
    ck_assert_uint_eq(set.words.n, 3); /* sorted: a\nb, b, say "a" */
    ck_assert_str_eq(set.words.items[2], "say \"a\"");
    ck_assert(y[0] == 2 && y[1] == 1 && y[2] == 0);
    ck_assert_uint_eq(set.shape.outputs, 3);
    files_set_close(&set);
    arena_finish(&a);
}
END_TEST

START_TEST(csv_that_is_wrong)
{
    static const struct {
        const char *text, *label, *key, *words;
    } cases[] = {
        { "a,b\n1,2\n3\n", "b", "dataset.train.x", "x.csv:3: 1 fields; the first record has 2" },
        { "a,b\n1,2\n,0\n", "b", "dataset.train.x", "x.csv:3: column 0 'a': the value is missing" },
        { "a,b\n1,2\nNA,0\n", "b", "dataset.train.x", "x.csv:3: column 0 'a': the value is missing" },
        { "a,b\n1,2\n1e,0\n", "b", "dataset.train.x", "column 0 'a': '1e' is no number" },
        { "a,b\n1,2\n0x10,0\n", "b", "dataset.train.x", "x.csv:3: column 0 'a': '0x10' is no decimal number" },
        { "a,b\n1,0o1\n", "b", "dataset.train.x", "x.csv:2: column 1 'b': '0o1' is no decimal number" },
        { "0x1,1\n2,2\n", "1", "dataset.train.x", "x.csv:1: column 0: '0x1' is no decimal number" },
        { "\na,b,c,b\n1,2,3,0\n", "c", "dataset.train.x",
          "x.csv:2: columns 1 and 3 (counted from 0) are both called 'b'" },
        { "a,,b\n1,2,0\n", "b", "dataset.train.x",
          "x.csv:1: column 1 (counted from 0) has no name: numbers of the rows" },
        { "0,1,2\n0.5,2,0\n", "-1", "dataset.train.x",
          "x.csv:1: the numbers of the first record count, from 0 to 2: are they a sample, or names of columns" },
        { "0\n0.5\n", NULL, "dataset.train.x",
          "x.csv:1: the first record is 0: is it a sample, or the name of a column" },
        { "0,1,kind\n0.5,2,a\n", "-1", "dataset.train.x", "count, from 0 to 1" },
        { ",0,1\n0,0.5,2\n", "-1", "dataset.train.x", "count, from 0 to 1" },
        { "a,b\n1,2\n.inf,0\n", "b", "dataset.train.x", "not finite" },
        { "a,b\n1,x\n1,\n", "b", "dataset.train.x", "x.csv:3: column 1 'b': the label is missing" },
        { "a,b\n1,x\n1,\"\"\n", "b", "dataset.train.x", "x.csv:3: column 1 'b': the label is missing" },
        { "a,b\n1,NA\n1,0\n2,1\n", "b", "dataset.train.x", "x.csv:2: column 1 'b': the label 'NA' tells of a missing" },
        { "a,b\n1,x\n1,?\n", "b", "dataset.train.x",
          "x.csv:3: column 1 'b': the label '?' tells of a missing one; fill" },
        { "a,b\n1,0\n1,nan\n", "b", "dataset.train.x", "x.csv:3: column 1 'b': the value is missing" },
        { "1,x\n1,Null\n", "-1", "dataset.train.x", "x.csv:2: column 1: the label 'Null' tells of a missing one" },
        { "a,b\n1,\"2\n", "b", "dataset.train.x", "a quote that is not closed" },
        { "a,b\n1,\"2\"3\n", "b", "dataset.train.x", "text behind the closing quote" },
        { "a,b\n", "b", "dataset.train.x", "a header and no record" },
        { "\n\n", "b", "dataset.train.x", "no records" },
        { "a,b\n1,2\n", "c", "dataset.train.x", "no column 'c' among its 2: a, b" },
        { "1,2\n", "-3", "dataset.train.x", "no column '-3'" },
        { "a\n1\n", "a", "dataset.train.x", "no column beside that of the labels" },
        { "a,b\n1,0.5\n", "b", "dataset.train.label", "row 0 (counted from 0): label 0.5; classes are whole numbers" },
        { "a,b\n1,-1\n", "b", "dataset.train.label", "label -1" },
        { "a,b\n1,0\n2,0\n", "b", "dataset.classes", "one class" },
    };
    write_text("y.csv", "0\n1\n"); /* of labels a first 0 is one */
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct files_opts o = options("x.csv", cases[i].label ? NULL : "y.csv", cases[i].label);
        write_text("x.csv", cases[i].text);
        refused(&o, cases[i].key, cases[i].words);
    }
    struct files_opts o = options("x.csv", NULL, "b");
    o.test.x = "t.csv";
    write_text("x.csv", "a,b\n1,x\n2,y\n");
    write_text("t.csv", "a,b\n1,z\n");
    refused(&o, "dataset.test.x", "t.csv:2: column 1 'b': label 'z' is none of the training set's");
}
END_TEST

/* One column without a name, which says so; its labels begin with 0. */
START_TEST(csv_of_one_column)
{
    struct arena a;
    struct err e = { 0 };
    struct files_set set;
    struct files_opts o = options("x.csv", "y.csv", NULL);
    write_text("x.csv", "0\n0.5\n");
    write_text("y.csv", "0\n1\n");
    o.csv.header = CSV_HEADER_NO;
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    ck_assert_uint_eq(set.shape.train_size, 2);
    files_set_close(&set);
    arena_finish(&a);
    o.csv.header = CSV_HEADER_AUTO;
    write_text("x.csv", "0.5\n0\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    ck_assert_uint_eq(set.shape.outputs, 2);
    files_set_close(&set);
    arena_finish(&a);
}
END_TEST

/* Words for what is missing are classes where they are quoted. */
START_TEST(csv_classes_in_quotes)
{
    struct arena a;
    struct err e = { 0 };
    struct files_set set;
    const struct files_opts o = options("x.csv", NULL, "b");
    write_text("x.csv", "a,b\n1,\"NA\"\n2,some\n3,\"none\"\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    ck_assert_uint_eq(set.words.n, 3);
    ck_assert_str_eq(set.words.items[0], "NA");
    files_set_close(&set);
    arena_finish(&a);
}
END_TEST

/* Numbers are matched by their places, so these must have the same names; the column of labels has its own. */
START_TEST(csv_columns_of_two_files)
{
    struct arena a;
    struct err e = { 0 };
    struct files_set set;
    struct files_opts o = options("x.csv", NULL, "kind");
    o.test.x = "t.csv";
    write_text("x.csv", "a,b,kind\n1,2,0\n3,4,1\n");
    write_text("t.csv", "b,a,kind\n2,1,0\n");
    refused(&o, "dataset.test.x",
            "t.csv: its column of numbers 0 (counted from 0) is 'b', and that of the training set's");
    write_text("t.csv", "a,c,kind\n1,2,0\n");
    refused(&o, "dataset.test.x", "t.csv: its column of numbers 1 (counted from 0) is 'c'");
    write_text("t.csv", "a,kind,b\n1,1,2\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    files_set_close(&set);
    arena_finish(&a);
    o.train.label = o.test.label = "-1"; /* by number */
    write_text("t.csv", "a,b,sort\n1,2,0\n");
    refused(&o, "dataset.test.label", "t.csv: column -1, of labels, is 'sort', and that of the training set's ");
    refused(&o, "dataset.test.label", "x.csv 'kind': give them one name, or say label: sort");
    o.test.label = "sort";
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    files_set_close(&set);
    arena_finish(&a);
    o.test.label = "2";
    write_text("t.csv", "1,2,0\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    files_set_close(&set);
    arena_finish(&a);
    write_text("t.csv", "a,kind,b\n1,1,2\n");
    o.train.label = o.test.label = NULL; /* labels in files of their own, and a test file without a header */
    o.train.y = "y.csv";
    o.test.y = "z.csv";
    o.labels = FILES_REAL;
    write_text("x.csv", "a,b\n1,2\n");
    write_text("t.csv", "5,6\n");
    write_text("y.csv", "u,v\n1,2\n");
    write_text("z.csv", "v,u\n1,2\n");
    refused(&o, "dataset.test.y", "z.csv: its column of numbers 0 (counted from 0) is 'v'");
    write_text("z.csv", "u,v\n1,2\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    files_set_close(&set);
    arena_finish(&a);
}
END_TEST

/* A first record that counts is what the file says it is. */
START_TEST(csv_first_record_that_counts)
{
    static const struct {
        const char *text, *label;
        int header;
        size_t n, outputs;
    } cases[] = { { "0,1,2\n0.5,2,0\n3,1,1\n", "2", CSV_HEADER_YES, 2, 2 },
                  { "0,1,2\n0.5,2,0\n3,1,1\n", "2", CSV_HEADER_NO, 3, 3 },
                  { "1,2,0\n0.5,2,1\n", "2", CSV_HEADER_AUTO, 2, 2 },
                  { "0,a\n1,b\n", "1", CSV_HEADER_AUTO, 2, 2 } };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct files_opts o = options("x.csv", NULL, cases[i].label);
        struct arena a;
        struct err e = { 0 };
        struct files_set set;
        o.csv.header = cases[i].header;
        write_text("x.csv", cases[i].text);
        ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
        ck_assert_uint_eq(set.shape.train_size, cases[i].n);
        ck_assert_uint_eq(set.shape.outputs, cases[i].outputs);
        files_set_close(&set);
        arena_finish(&a);
    }
}
END_TEST

/* Files against each other. */
START_TEST(sets_that_do_not_fit)
{
    static const float x[6] = { 0, 1, 2, 3, 4, NAN };
    static const uint8_t y[3] = { 0, 1, 1 };
    struct files_opts o = options("x.npy", "y.npy", NULL);
    write_npy("x.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }", x, sizeof x);
    write_npy("y.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", y, sizeof y);
    write_npy("y2.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }", y, 2);
    write_npy("x3.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", x, sizeof x);
    write_npy("x111.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 1, 2), }", x, sizeof x);
    refused(&o, "", "x.npy: row 2, column 1 (counted from 0; byte 89) is NaN");
    o.train.y = "y2.npy";
    refused(&o, "dataset.train", "3 samples");
    o = options("x.npy", "y.npy", NULL);
    o.test = (struct files_names){ "x3.npy", "y2.npy", NULL };
    refused(&o, "dataset.test.x", "samples of another shape");
    o = options("x.npy", "y.npy", NULL);
    write_npy("u.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }", x, 6);
    o.test.x = "u.npy";
    o.scaling = FILES_UNIT;
    refused(&o, "dataset.test.x",
            "u.npy holds numbers of uint8, the training set float32: scaling: unit divides bytes");
    o.train.x = "u.npy";
    o.test.x = "x.npy";
    refused(&o, "dataset.test.x", "x.npy holds numbers of float32, the training set uint8");
    o = options("x.npy", "y.npy", "a");
    refused(&o, "dataset.train.label", "y gives the labels already");
    o = options("x.npy", NULL, NULL);
    refused(&o, "dataset.train", "no labels");
    o = options("x.npy", NULL, "a");
    refused(&o, "dataset.train.label", "no columns with names");
    o = options("x111.npy", "y.npy", NULL);
    refused(&o, "dataset.layout", "say whether a sample is a sequence");
    o = options("x.npy", "y.npy", NULL);
    o.layout = LAYOUT_IMAGE;
    refused(&o, "dataset.layout", "an image is channels x height x width");
    o = options("x.npy", "y.npy", NULL);
    o.validation_size = 3;
    refused(&o, "dataset.validation_size", "leaves nothing to train on");
    o.validation_size = 1;
    o.subset.count = 3;
    refused(&o, "dataset.subset.count", "3, but there are 2 samples (1 are held out)");
    o = options("no.npy", "y.npy", NULL);
    refused(&o, "dataset.train.x", "No such file");
    write_text("x.pt", "PK\3\4 x");
    o = options("x.pt", "y.npy", NULL);
    refused(&o, "dataset.train.x", "an archive");
    write_text("x.foo", "what");
    o = options("x.foo", "y.npy", NULL);
    refused(&o, "dataset.train.x", "no format that is known");
}
END_TEST

/* No two of the training set, validation and the test set have the same inputs, whatever their files are called. */
START_TEST(parts_of_the_same_bytes)
{
    static const char text[] = "a,b\n1,0\n2,1\n";
    struct files_opts o = options("x.csv", NULL, "b");
    struct files_set set;
    struct arena a;
    struct err e = { 0 };
    write_text("x.csv", text);
    write_text("copy.csv", text);
    o.test.x = "x.csv";
    refused(&o, "dataset.test.x", "/x.csv has the same bytes as dataset.train.x, ");
    o.test.x = "copy.csv";
    refused(&o, "dataset.test.x", "/copy.csv has the same bytes as dataset.train.x, ");
    o.test.x = "twin-x.csv";
    o.valid = (struct files_names){ "copy.csv", NULL, "b" };
    refused(&o, "dataset.valid.x", "validation would be of what is trained on; validation_size");
    o.valid.x = "twin-copy.csv";
    refused(&o, "dataset.test.x", "the same bytes as dataset.valid.x, ");
    write_text("copy.csv", "a,b\n1,0\n2,0\n");
    ck_assert_int_eq(open_set(&set, &o, &a, &e), 0);
    files_set_close(&set);
    arena_finish(&a);
}
END_TEST

/* What is doubted of classes that no training sample has; NULL: nothing. places: of what is trained on. */
static void doubted_at(const struct files_opts *o, const uint32_t *places, const char *words)
{
    struct files_set set;
    struct arena a;
    struct err e = { 0 };
    ck_assert_int_eq(open_set(&set, o, &a, &e), 0);
    ck_assert_int_eq(files_set_doubt(&set, places, &a, &e), 0);
    ck_assert_uint_eq(e.n_messages, words != NULL);
    if (words)
        ck_assert_msg(e.messages[0].level == ERR_LEVEL_WARNING && strstr(e.messages[0].text, words), "'%s'",
                      e.messages[0].text);
    err_clear(&e);
    files_set_close(&set);
    arena_finish(&a);
}

static void doubted(const struct files_opts *o, const char *words)
{
    doubted_at(o, NULL, words);
}

START_TEST(classes_without_samples)
{
    struct files_opts o = options("x.csv", NULL, "b");
    write_text("x.csv", "a,b\n1,0\n2,1\n");
    doubted(&o, NULL);
    o.classes = 9;
    doubted(&o, "x.csv: no sample of class 2, 3, 4, 5, 6, ...: 7 of the 9 classes, which are counted from 0");
    o.classes = 0;
    write_text("x.csv", "a,b\n1,1\n2,3\n");
    refused(&o, "dataset.train.label", "no sample of class 0: labels are counted from 0, and those of ");
    refused(&o, "dataset.train.label", "x.csv are 1 to 3; take 1 from each, or say classes: 4");
    o.classes = 4;
    doubted(&o, "no sample of class 0, 2: 2 of the 4 classes");
    o.classes = 0;
    write_text("x.csv", "a,b\n1,0\n2,1\n3,2\n");
    o.subset.count = 2; /* the places are those that were drawn */
    doubted_at(&o, (const uint32_t[]){ 0, 2 },
               "x.csv: none of the 2 samples that are trained on is of class 1: 1 of the 3 classes");
    doubted(&o, "trained on is of class 2");
    o.subset.count = 0;
    doubted_at(&o, (const uint32_t[]){ 0, 1, 2 }, NULL);
    o.labels = FILES_REAL;
    doubted(&o, NULL);
}
END_TEST

/* Opening it as a trial does is refused, with this message. */
static void not_opened(const struct files_opts *o, const char *words)
{
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "files");
    struct arena a;
    struct err e = { 0 };
    arena_init(&a, 0);
    void *state = arena_alloc(&a, 1, def->part.state_size);
    const int code = def->open(o, 1, state, &a, &e);
    ck_assert_int_lt(code, 0);
    files_refused(code, ERR_FORMAT, &e, words);
    arena_finish(&a);
}

/* Numbers that the trial's precision does not have, and those that leave nothing of the others once they are scaled. */
START_TEST(numbers_out_of_range)
{
    struct files_opts o = options("x.csv", NULL, "b");
    write_text("x.csv", "a,b\n1,0\n1e300,1\n2,0\n");
    o.scaling = FILES_STANDARD;
    not_opened(&o, "x.csv: column 0 (counted from 0): its numbers are too far apart, or too near, to be scaled: from 1 "
                   "in row 0 to 1e+300 in row 1");
    write_text("x.csv", "a,b\n-1e308,0\n1e308,1\n2,0\n");
    o.scaling = FILES_UNIT;
    not_opened(&o, "from -1e+308 in row 0 to 1e+308 in row 1");
    write_text("x.csv", "a,b\n1,0\n1.0000001,1\n");
    write_text("t.csv", "a,b\n1,0\n1e305,0\n");
    o.test.x = "t.csv";
    not_opened(&o,
               "t.csv: row 1, column 0 (counted from 0) is 1e+305, and scaled: beyond the numbers of this precision");
    if (sizeof(real) == sizeof(double))
        return;
    o.scaling = FILES_UNSCALED;
    not_opened(&o,
               "t.csv: row 1, column 0 (counted from 0) is 1e+305: beyond the numbers of this precision, which end at "
               "3.4e+38");
    write_text("t.csv", "a,b\n1,0\n1,1e39\n");
    o.labels = FILES_REAL;
    not_opened(&o, "t.csv: row 1, column 0 (counted from 0) is 1e+39");
}
END_TEST

static struct fixture open_files(struct files_opts o, uint64_t seed)
{
    struct fixture f = { .def = (const struct dataset_def *)(const void *)registry_find(&dataset_registry, "files") };
    struct err e = { 0 };
    f.opts = malloc(sizeof o);
    memcpy(f.opts, &o, sizeof o);
    arena_init(&f.arena, 0);
    ck_assert_int_eq(f.def->shape(f.opts, &f.shape, &e), 0);
    f.state = arena_alloc(&f.arena, 1, f.def->part.state_size);
    ck_assert_int_eq(f.def->open(f.opts, seed, f.state, &f.arena, &e), 0);
    return f;
}

static void close_files(struct fixture *f)
{
    f->def->close(f->state);
    fixture_close(f);
}

/* A column of x, scaled: whether a trial opens it. */
static void scaled(const char *const x[], size_t n, int scaling, const char *words)
{
    struct files_opts o = options("x.csv", NULL, "b");
    struct arena a;
    arena_init(&a, 0);
    const char *text = "a,b\n";
    for (size_t i = 0; i < n; i++)
        text = arena_printf(&a, "%s%s,%zu\n", text, x[i], i % 2);
    write_text("x.csv", text);
    o.scaling = scaling;
    if (words) {
        not_opened(&o, words);
    } else {
        struct fixture f = open_files(o, 1);
        close_files(&f);
    }
    arena_finish(&a);
}

/* Of the other numbers nothing is left beside a huge one. Columns of few numbers, or with one that is merely far away,
 * are sound. */
START_TEST(numbers_that_wipe_out_others)
{
    static const struct {
        const char *x[6];
        int scaling;
        const char *words;
    } cases[] = {
        { { "1", "2", "1e30", "3", "-4", "5" }, FILES_STANDARD, "column 0 (counted from 0): its numbers are too far" },
        { { "1", "2", "1e30", "3", "-4", "5" }, FILES_STANDARD, "from -4 in row 4 to 1e+30 in row 2" },
        { { "1", "2", "-1e30", "3", "-1e30", "5" }, FILES_STANDARD, "from -1e+30 in row 2 to 5 in row 5" },
        { { "-1e30", "1", "1e30", "2", "1e30", "3" }, FILES_STANDARD, "from -1e+30 in row 0 to 1e+30 in row 2" },
        { { "1", "1", "1e30", "1", "2", "2" }, FILES_STANDARD, "from 1 in row 0 to 1e+30 in row 2" },
        { { "1", "2", "1e30", "3", "-4", "5" }, FILES_UNIT, "from -4 in row 4 to 1e+30 in row 2" },
        { { "1", "2", "3", "4", "5", "1000" }, FILES_STANDARD, NULL },
        { { "1", "2", "3", "4", "5", "1e6" }, FILES_STANDARD, NULL },
        { { "1", "2", "3", "4", "5", "1e6" }, FILES_UNIT, NULL },
        { { "0", "1", "0", "1", "1", "0" }, FILES_STANDARD, NULL },
        { { "0", "1e30", "0", "0", "0", "0" }, FILES_STANDARD, NULL },
        { { "-1e30", "1e30", "7", "7", "7", "7" }, FILES_STANDARD, NULL },
        { { "1e30", "2e30", "3e30", "4e30", "5e30", "6e30" }, FILES_STANDARD, NULL },
        { { "0", "1e-17", "1", "-2e-17", "1", "0" }, FILES_STANDARD, NULL },
        { { "7", "7", "7", "7", "7", "7" }, FILES_UNIT, NULL },
    };
    for (size_t i = 0; i < COUNT(cases); i++)
        scaled(cases[i].x, 6, cases[i].scaling, cases[i].words);
    scaled((const char *const[]){ "1", "2", "1e300", "3", "4" }, 5, FILES_UNIT, "to 1e+300 in row 2");
}
END_TEST

/* Sample i of 6 is the numbers 24 i .. 24 i + 23; its label is i % 3. */
static struct files_opts counting(const char *shape)
{
    uint8_t x[6 * 24], y[6];
    char header[100];
    for (size_t i = 0; i < sizeof x; i++)
        x[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof y; i++)
        y[i] = (uint8_t)(i % 3);
    snprintf(header, sizeof header, "{'descr': '|u1', 'fortran_order': False, 'shape': (6, %s), }", shape);
    write_npy("x.npy", header, x, sizeof x);
    write_npy("y.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (6,), }", y, sizeof y);
    return options("x.npy", "y.npy", NULL);
}

START_TEST(layouts)
{
    struct files_opts o = counting("24");
    struct fixture f = open_files(o, 1);
    struct batch b = fixture_fill(&f, SPLIT_TRAIN, 1, 3);
    ck_assert(f.shape.features == 24 && f.shape.outputs == 3 && f.shape.classes && !f.shape.sequence);
    ck_assert(b.x[0] == 24 && b.x[24] == 48 && b.label[0] == 1 && b.label[2] == 0);
    close_files(&f);
    o = counting("8, 3");
    o.layout = LAYOUT_SEQUENCE;
    f = open_files(o, 1);
    b = fixture_fill(&f, SPLIT_TEST, 0, 2);
    ck_assert(f.shape.length == 8 && f.shape.features == 3 && f.shape.sequence);
    for (size_t t = 0; t < 8; t++)
        for (size_t row = 0; row < 2; row++)
            ck_assert(fixture_x(&f, &b, t, row)[2] == (real)(24 * row + 3 * t + 2));
    close_files(&f);
    o = counting("2, 3, 4");
    f = open_files(o, 1);
    b = fixture_fill(&f, SPLIT_EVAL, 5, 1);
    ck_assert(f.shape.image.channels == 2 && f.shape.image.height == 3 && f.shape.image.width == 4);
    ck_assert(b.x[13] == 133);
    struct err e = { 0 };
    ck_assert_int_eq(f.def->by_pixel(f.state, &f.arena, &e), 0);
    b = fixture_fill(&f, SPLIT_EVAL, 5, 1);
    ck_assert(b.x[1] == 132 && b.x[2] == 121); /* channel 1 of the first pixel, channel 0 of the second */
    close_files(&f);
}
END_TEST

START_TEST(scalings)
{
    struct files_opts o = counting("24");
    o.scaling = FILES_UNIT;
    struct fixture f = open_files(o, 1);
    struct batch b = fixture_fill(&f, SPLIT_TRAIN, 1, 1);
    ck_assert_double_eq_tol((double)b.x[0], 24 / 255.0, 1e-7);
    close_files(&f);
    o.scaling = FILES_STANDARD; /* of the training samples alone: the last is held out */
    o.validation_size = 1;
    o.validation = 1;
    f = open_files(o, 1);
    double sum = 0, squares = 0;
    b = fixture_fill(&f, SPLIT_TRAIN, 0, 5);
    for (size_t i = 0; i < 5; i++) {
        sum += (double)b.x[i * 24 + 7];
        squares += (double)b.x[i * 24 + 7] * (double)b.x[i * 24 + 7];
    }
    ck_assert_double_eq_tol(sum, 0, 1e-5);
    ck_assert_double_eq_tol(squares / 5, 1, 1e-5);
    b = fixture_fill(&f, SPLIT_VALID, 0, 1);
    ck_assert_double_eq_tol((double)b.x[7], (127 - 55) / sqrt(2 * 24 * 24), 1e-5);
    close_files(&f);
}
END_TEST

/* A subset is the same for all seeds, what is held out is not, and no sample is in both. */
START_TEST(splits)
{
    struct files_opts o = counting("24");
    o.subset.count = 3;
    o.subset.seed = 5;
    struct fixture f = open_files(o, 1), g = open_files(o, 2);
    ck_assert_uint_eq(f.shape.train_size, 3);
    const struct batch a = fixture_fill(&f, SPLIT_TRAIN, 0, 3), b = fixture_fill(&g, SPLIT_TRAIN, 0, 3);
    for (size_t i = 0; i < 3; i++)
        ck_assert(a.x[i * 24] == b.x[i * 24]);
    close_files(&f);
    close_files(&g);
    o.subset.count = 0;
    o.validation_size = 2;
    o.shuffle = true;
    f = open_files(o, 1);
    bool seen[6] = { false };
    const struct batch train = fixture_fill(&f, SPLIT_TRAIN, 4, 4), valid = fixture_fill(&f, SPLIT_VALID, 0, 2);
    for (size_t i = 0; i < 6; i++) {
        const size_t sample = (size_t)(i < 4 ? train.x[i * 24] : valid.x[(i - 4) * 24]) / 24;
        ck_assert(!seen[sample]);
        seen[sample] = true;
    }
    close_files(&f);
}
END_TEST

/* Targets of a regression, and sequences with a label for each step. */
START_TEST(targets)
{
    struct files_opts o = counting("24");
    static const double y[12] = { .5, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 };
    static const uint8_t steps[6 * 8] = { 3, 1, 2, 0, 1, 1, 0, 2, 1 };
    write_npy("r.npy", "{'descr': '<f8', 'fortran_order': False, 'shape': (6, 2), }", y, sizeof y);
    o.train.y = o.test.y = "r.npy";
    o.labels = FILES_REAL;
    struct fixture f = open_files(o, 1);
    struct batch b = fixture_fill(&f, SPLIT_TEST, 0, 2);
    ck_assert(!f.shape.classes && f.shape.outputs == 2);
    ck_assert(b.y.p[0] == (real).5 && b.y.p[3] == 3);
    close_files(&f);
    o = counting("8, 3");
    write_npy("s.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (6, 8), }", steps, sizeof steps);
    o.train.y = o.test.y = "s.npy";
    o.layout = LAYOUT_SEQUENCE;
    f = open_files(o, 1);
    b = fixture_fill(&f, SPLIT_TEST, 0, 2);
    ck_assert(f.shape.per_step && f.shape.outputs == 4);
    ck_assert(b.label[0] == 3 && b.label[1] == 1 && b.label[2] == 1); /* [t][row] */
    close_files(&f);
}
END_TEST

struct visits {
    size_t n;
    char hex[4][65];
};

static int count_visit(void *self, const char *path, const char *sha256)
{
    struct visits *v = self;
    (void)path;
    memcpy(v->hex[v->n++], sha256, 65);
    return 0;
}

/* Each file once, and its bytes as they are inflated. */
START_TEST(files_are_shown)
{
    struct files_opts o = counting("24");
    const struct dataset_def *def = (const void *)registry_find(&dataset_registry, "files");
    const struct data_use use = { .seed = 1, .most = 1e9 };
    struct visits v = { 0 };
    struct err e = { 0 };
    uint8_t plain[64], gzip[256];
    const uint32_t dim = 6;
    struct arena a;
    arena_init(&a, 0);
    ck_assert_int_eq(def->files(&o, &use, count_visit, &v, &e), 0);
    ck_assert_uint_eq(v.n, 3);
    const size_t n = files_idx_header(plain, 1, &dim);
    memcpy(plain + n, "\0\1\2\0\1\2", 6);
    files_write(at(&a, "y-ubyte"), plain, n + 6);
    files_write(at(&a, "y.gz"), gzip, files_gzip(gzip, sizeof gzip, plain, n + 6));
    v.n = 0;
    o.train.y = "y-ubyte";
    o.test.y = "y.gz";
    ck_assert_int_eq(def->files(&o, &use, count_visit, &v, &e), 0);
    ck_assert_uint_eq(v.n, 4);
    ck_assert_str_eq(v.hex[1], v.hex[3]);
    v.n = 0;
    o.subset.count = 2;
    o.subset.seed = 3;
    ck_assert_int_eq(def->files(&o, &use, count_visit, &v, &e), 0); /* of those that are drawn */
    ck_assert_uint_eq(e.n_messages, 1);
    ck_assert_ptr_nonnull(strstr(e.messages[0].text, "none of the 2 samples that are trained on is of class "));
    err_clear(&e);
    v.n = 0;
    write_text("x.csv", "a,b\n1,0\n11,1\n");
    o = options("x.csv", NULL, "b");
    ck_assert_int_eq(def->files(&o, NULL, count_visit, &v, &e), 0); /* all trials read them */
    files_refused(def->files(&o, &(struct data_use){ 1, 10 }, count_visit, &v, &e), ERR_FORMAT, &e,
                  "is 11: beyond the numbers of this precision, which end at 10");
    arena_finish(&a);
}
END_TEST

/* clang-format off */
#define TESTS(X)                                                                                                       \
    X(types) X(headers_that_lie) X(cut_files) X(csv_is_read) X(csv_that_is_wrong) X(csv_of_one_column)                 \
    X(csv_classes_in_quotes) X(csv_columns_of_two_files) X(csv_first_record_that_counts) X(sets_that_do_not_fit)       \
    X(layouts) X(scalings) X(parts_of_the_same_bytes) X(classes_without_samples) X(numbers_out_of_range)               \
    X(numbers_that_wipe_out_others) X(splits) X(targets) X(files_are_shown)
/* clang-format on */

static void add_tests(TCase *tcase)
{
    tcase_add_checked_fixture(tcase, setup, teardown);
#define ADD(name) tcase_add_test(tcase, name);
    TESTS(ADD)
#undef ADD
}

CHECK_MAIN("files", add_tests)
