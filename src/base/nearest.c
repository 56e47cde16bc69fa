/* Which name was meant: see err.h. */
#include "base/err.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

enum { LONGEST_NAME = 64 };

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Capitals and dashes are no slips: DDTP-linear is ddtp_linear. */
static char folded(char c)
{
    return c == '-' ? '_' : (char)tolower((unsigned char)c);
}

/* Insertions, deletions, substitutions and exchanges of neighbours (optimal string alignment): "sdg" is one slip from
 * "sgd". */
static size_t edit_distance(const char *a, size_t n, const char *b, size_t m)
{
    size_t row[3][LONGEST_NAME + 1]; /* rows i - 2, i - 1 and i of the table */
    for (size_t j = 0; j <= m; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= m; j++) {
            now[j] = min(min(last[j], now[j - 1]) + 1, last[j - 1] + (folded(a[i - 1]) != folded(b[j - 1])));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = min(now[j], before[j - 2] + 1);
        }
    }
    return row[n % 3][m];
}

/* What other programs and papers call it. */
static const char *const synonyms[][2] = {
    { "lr", "stepsize" },
    { "learning_rate", "stepsize" },
    { "step_size", "stepsize" },
    { "eta", "stepsize" },
    { "wd", "weight_decay" },
    { "l2", "weight_decay" },
    { "bs", "batch_size" },
    { "minibatch_size", "batch_size" },
    { "steps", "iterations" },
    { "max_steps", "iterations" },
    { "num_epochs", "epochs" },
    { "max_epochs", "epochs" },
    { "hidden_size", "units" },
    { "hidden_units", "units" },
    { "hidden", "units" },
    { "num_units", "units" },
    { "neurons", "units" },
    { "out_features", "units" },
    { "nonlinearity", "activation" },
    { "fc", "dense" },
    { "linear", "dense" },
    { "conv2d", "conv" },
    { "mse", "squared_error" },
    { "mean_squared_error", "squared_error" },
    { "l2_loss", "squared_error" },
    { "ce", "cross_entropy" },
    { "nll", "cross_entropy" },
    { "test_acc", "test_accuracy" },
    { "train_acc", "train_accuracy" },
    { "acc", "test_accuracy" },
    { "val_acc", "valid_accuracy" },
    { "valid_acc", "valid_accuracy" },
    { "val_accuracy", "valid_accuracy" },
    { "val_loss", "valid_loss" },
    { "monitor", "metric" },
    { "early_stopping", "stop" },
    { "backprop", "bp" },
    { "back_propagation", "bp" },
    { "backpropagation", "bp" },
    { "target_propagation", "tp" },
    { "difference_target_propagation", "dtp" },
    { "feedback_alignment", "fa" },
    { "direct_feedback_alignment", "dfa" },
    { "model", "network" },
    { "data", "dataset" },
    { "method", "algorithm" },
    { "optim", "optimizer" },
    { "logging", "log" },
    { "log_uniform", "loguniform" },
    { "log_uniform_values", "loguniform" },
    { "int_uniform", "randint" },
    { "q_uniform", "quniform" },
    { "values", "choice" },
};

static bool is_same(const char *a, const char *b)
{
    while (*a && folded(*a) == folded(*b))
        a++, b++;
    return *a == *b;
}

static const char *find_synonym(const char *word, const char *const *names, size_t n)
{
    for (size_t i = 0; i < sizeof synonyms / sizeof *synonyms; i++)
        for (size_t k = 0; k < n && is_same(word, synonyms[i][0]); k++)
            if (strcmp(names[k], synonyms[i][1]) == 0)
                return names[k];
    return NULL;
}

/* The one name that the word begins; NULL where several do. */
static const char *find_beginning(const char *word, const char *const *names, size_t n)
{
    enum { LEAST = 3 };
    const size_t length = strlen(word);
    const char *found = NULL;
    for (size_t k = 0; k < n && length >= LEAST; k++)
        if (strncmp(names[k], word, length) == 0) {
            if (found)
                return NULL;
            found = names[k];
        }
    return found;
}

const char *err_nearest(const char *word, const char *const *names, size_t n)
{
    const char *synonym = find_synonym(word, names, n);
    if (synonym)
        return synonym;
    const size_t length = strlen(word);
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    if (length == 0 || length > LONGEST_NAME)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        const size_t m = strlen(names[i]);
        if (m == 0 || m > LONGEST_NAME)
            continue;
        const size_t longer = length > m ? length : m;
        const size_t allowed = longer < 3 ? 0 : longer < 6 ? 1 : longer / 3;
        const size_t distance = edit_distance(word, length, names[i], m);
        if (distance <= allowed && distance < longer && distance < least) {
            nearest = names[i];
            least = distance;
        }
    }
    return nearest ? nearest : find_beginning(word, names, n);
}
