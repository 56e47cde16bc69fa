#include "cli/weights.h"

#include "trial/checkpoint_files.h"
#include <stdlib.h>
#include <string.h>

enum { N_COLUMNS = 9 };

static const char newest[] = "SELECT t.study, t.variant, t.cell, t.seed, t.\"key\", "
                             "(SELECT p.text FROM all_params p WHERE p.trial_id = t.trial_id AND p.param = "
                             "'precision'), c.step, c.path, c.sha256 FROM all_trials t "
                             "LEFT JOIN checkpoint c ON c.trial_id = t.trial_id "
                             "WHERE t.trial_id = CAST(?1 AS INTEGER) ORDER BY c.id DESC LIMIT 1";

static int keep(void *self, int n, const char *const *values)
{
    struct weights *w = self;
    char **const columns[N_COLUMNS] = { &w->study,     &w->variant, &w->cell, &w->seed,  &w->key,
                                        &w->precision, &w->step,    &w->path, &w->sha256 };
    for (int i = 0; i < n && i < N_COLUMNS; i++) {
        *columns[i] = values[i] ? strdup(values[i]) : NULL;
        if (values[i] && !*columns[i])
            return ERR_MEMORY;
    }
    return 0;
}

/* The name of a database that was not opened for writing since it has bare names is "DB.checkpoints/<name>". */
static const char *bare_name(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/'), *own = strrchr(folder, '/') + 1;
    const bool is_own = slash && strlen(own) == (size_t)(slash - path) && !strncmp(path, own, strlen(own));
    return is_own ? slash + 1 : path;
}

static int read_checkpoint(struct weights *w, const struct cli *c, struct err *e)
{
    char path[4096];
    struct checkpoint_folder own = { .fd = -1 }, other = { .fd = -1 };
    TRY(checkpoint_folder_path(c->db, path, e));
    const char *name = bare_name(w->path, path);
    int code = c->checkpoints ? checkpoint_folder_open(&other, c->checkpoints, false, e) : 0;
    struct err absent = { 0 };
    if (code == 0 && checkpoint_folder_open(&own, path, true, &absent) < 0 && !c->checkpoints)
        code = err_move(e, &absent);
    err_clear(&absent);
    if (code == 0)
        code = checkpoint_read(&w->file, &own, c->checkpoints ? &other : NULL, name, w->sha256, (size_t)1 << 34, e);
    if (code == ERR_IO && !c->checkpoints && !checkpoint_exists(&own, name))
        err_note(e, (struct where){ 0 },
                 "if the database was copied or renamed, --checkpoints FOLDER names the folder with its checkpoints");
    checkpoint_folder_close(&own);
    checkpoint_folder_close(&other);
    return code;
}

static int find(struct weights *w, const struct cli *c, struct query *q, const char *trial, struct err *e)
{
    int64_t id;
    char argument[32];
    const char *const arguments[] = { argument };
    if (!cli_is_key(trial))
        return err_set(e, ERR_USAGE,
                       "'%s' is no trial; it is named by at least 4 digits of its key, see `tprun ls STUDY`", trial);
    TRY(cli_find_trial(c, q, trial, &id, e));
    snprintf(argument, sizeof argument, "%lld", (long long)id);
    TRY(query_rows(q, newest, arguments, 1, keep, w, e));
    return w->path ? 0
                   : err_set(e, ERR_USAGE,
                             "trial %s has no checkpoint: it has not been trained, or kept none; run it with "
                             "checkpoint.keep=last --force",
                             trial);
}

int weights_open(struct weights *w, const struct cli *c, const char *trial, struct err *e)
{
    struct query *q;
    TRY(query_open(&q, c->db, e));
    const int code = find(w, c, q, trial, e);
    query_close(q);
    TRY(code);
    return read_checkpoint(w, c, e);
}

void weights_close(struct weights *w)
{
    char *const texts[N_COLUMNS] = { w->study,     w->variant, w->cell, w->seed,  w->key,
                                     w->precision, w->step,    w->path, w->sha256 };
    for (int i = 0; i < N_COLUMNS; i++)
        free(texts[i]);
    safetensors_close(&w->file);
    *w = (struct weights){ 0 };
}

static bool is_parameter(const char *name)
{
    return strncmp(name, "layers.", 7) == 0 || strncmp(name, "feedback.", 9) == 0;
}

int weights_write(const struct weights *w, const char *path, struct err *e)
{
    struct safetensors_writer out = { 0 };
    const char *const metadata[] = { "study", w->study, "variant", w->variant,  "cell",       w->cell, "seed",
                                     w->seed, "trial",  w->key,    "precision", w->precision, "step",  w->step };
    safetensors_add_metadata(&out, "format", "tprun weights 1");
    for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i += 2)
        if (metadata[i + 1])
            safetensors_add_metadata(&out, metadata[i], metadata[i + 1]);
    for (size_t i = 0; i < w->file.n_tensors; i++) {
        const struct tensor *t = &w->file.tensors[i];
        if (is_parameter(t->name))
            safetensors_add(&out, t->name, t->dtype, t->rank, t->shape, t->data);
    }
    const int code = safetensors_write(&out, path, NULL, e);
    safetensors_writer_free(&out);
    return code;
}
