/* Data of one's own: files of numbers and labels, and what is made of them. */
#ifndef TPRUN_DATA_FILES_SET_H
#define TPRUN_DATA_FILES_SET_H

#include "data/dataset.h"
#include "data/reader.h"

enum files_layout { LAYOUT_AUTO, LAYOUT_FLAT, LAYOUT_IMAGE, LAYOUT_SEQUENCE };
enum files_labels { FILES_CLASSES, FILES_REAL };
enum files_scaling { FILES_UNSCALED, FILES_UNIT, FILES_STANDARD };

struct files_names {
    const char *x, *y, *label; /* NULL: not given */
};
struct files_opts {
    const char *path; /* folder, absolute */
    struct files_names train, valid, test;
    int layout, labels, scaling, validation;
    int64_t classes; /* 0: the largest label + 1 */
    struct {
        int64_t count, seed;
    } subset; /* count 0: all */
    int64_t validation_size, eval_size, test_size;
    bool shuffle;
    struct {
        int delimiter, header;
    } csv;
};

/* One of train, valid and test. */
struct files_part {
    const char *key;       /* "dataset.train" */
    struct data_file x, y; /* y: not open where labels are a column of x */
    struct array inputs, labels;
};
enum { FILES_TRAIN, FILES_VALID, FILES_TEST, N_FILES };
struct files_set {
    struct files_part part[N_FILES]; /* inputs.rank 0: not given */
    struct class_words words;        /* of classes that the training set calls by words; n = 0: of none */
    struct data_shape shape;
    const char *fault; /* the key that an error is about */
};

/* Opens the files, reads labels, and makes the shape. On an error nothing is left open, and set->fault tells the key.
 * Labels are whole numbers from 0 on, inputs and labels are as many, and no two parts have the same inputs; these may
 * still be NaN. */
int files_set_open(struct files_set *set, const struct files_opts *o, struct arena *a, struct err *e);
void files_set_close(struct files_set *set);
/* Every input is finite. */
int files_set_check(const struct files_set *set, struct err *e);
/* Warns of classes that none of the samples has that are trained on: those with these places (NULL: the first ones). */
int files_set_doubt(const struct files_set *set, const uint32_t *places, struct arena *a, struct err *e);

/* x = (number - shift) * factor, for each number of a sample in the file's order. */
struct files_scale {
    double *shift, *factor; /* NULL: numbers are as they are */
};
/* From the samples of the training set with these places (NULL: the first n). most: the largest number of the trial's
 * precision; where it leaves nothing of a column but its extremes, the column is refused. */
int files_scale_open(struct files_scale *scale, const struct files_set *set, int scaling, const uint32_t *places,
                     size_t n, double most, struct arena *a, struct err *e);
/* Every number that a trial is given, scaled, is at most the largest of its precision, targets of a regression as well.
 */
int files_scale_check(const struct files_scale *scale, const struct files_set *set, double most, struct arena *a,
                      struct err *e);

#endif
