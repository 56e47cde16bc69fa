/* The runner's side of trial/checkpoint_files.h: its folder, what lies in it, and what a copied database lacks. */
#include "run/private.h"

#include "base/file.h"
#include "run/checkpoint_set.h"
#include <inttypes.h>

int checkpoints_open(struct runner *r, struct err *e)
{
    char path[4096];
    r->own.fd = r->other.fd = -1;
    TRY(checkpoint_folder_path(r->options->db, path, e));
    TRY(file_make_folders(path, ERR_STORAGE, e));
    TRY(checkpoint_folder_open(&r->own, path, true, e));
    return r->options->checkpoints ? checkpoint_folder_open(&r->other, r->options->checkpoints, false, e) : 0;
}

void checkpoints_close(struct runner *r)
{
    checkpoint_folder_close(&r->own);
    checkpoint_folder_close(&r->other);
}

bool checkpoints_lack(const struct runner *r, const char *name)
{
    return checkpoint_is_name(name) && !checkpoint_exists(&r->own, name) && !checkpoint_exists(&r->other, name);
}

bool checkpoints_absent(const struct runner *r, const struct store_trial_row *row)
{
    return row->checkpoint_path[0] && checkpoints_lack(r, row->checkpoint_path) &&
           (!row->previous_path[0] || checkpoints_lack(r, row->previous_path));
}

void checkpoints_tell_absent(struct runner *r)
{
    if (r->n_absent == 0)
        return;
    const bool other = r->options->checkpoints != NULL;
    progress_say(
        &r->progress, "tprun: %" PRIu64 " %s from step 0: the checkpoints that the database names are not in %s%s%s%s",
        r->n_absent, r->n_absent == 1 ? "trial starts anew" : "trials start anew", r->own.path, other ? " nor in " : "",
        other ? r->other.path : "",
        other ? "" : "; if the database was copied or renamed, --checkpoints FOLDER reads them from another one");
}

int checkpoints_sweep(const struct runner *r, struct err *e)
{
    struct checkpoint_set named = { 0 };
    struct swept ignored;
    int code = checkpoint_set_read(&named, r->options->db, CHECKPOINTS_NAMED, e);
    if (code == 0)
        code = checkpoint_set_sweep(&named, &r->own, false, &ignored, e);
    checkpoint_set_free(&named);
    return code;
}
