/* The files of checkpoints: their names, their folder, and how they are opened and removed.
 *
 * A database PATH has its checkpoints in the folder PATH.checkpoints beside it. It names them by bare names
 * <first 16 digits of the trial's key>.<step>[.<feedback-only minibatches>].safetensors. A database may come from
 * somebody else, so a name that is not of this form is refused: nothing else is ever opened or removed, and everything
 * happens relative to the opened folder. What lies in a checkpoint's place and is no regular file (a folder, a link, a
 * FIFO) is a damaged checkpoint; it is neither followed nor waited for. */
#ifndef TPRUN_TRIAL_CHECKPOINT_FILES_H
#define TPRUN_TRIAL_CHECKPOINT_FILES_H

#include "base/safetensors.h"
#include <stdbool.h>

enum { CHECKPOINT_NAME_SIZE = 80 };

/* done: feedback-only minibatches after the step; 0 = none, and not part of the name. */
void checkpoint_name(char name[CHECKPOINT_NAME_SIZE], const char *key, int64_t step, int64_t done);
bool checkpoint_is_name(const char *name);
/* A temporary file of one, which a crash has left (base/new_file.h). */
bool checkpoint_is_remainder(const char *name);

struct checkpoint_folder {
    int fd; /* -1 = none */
    char path[4096];
};
/* The folder of a database that exists. */
int checkpoint_folder_path(const char *db, char path[4096], struct err *e);
/* own: a database's own, in which files are written and removed, so that it must not be a link to somewhere else. */
int checkpoint_folder_open(struct checkpoint_folder *f, const char *path, bool own, struct err *e);
void checkpoint_folder_close(struct checkpoint_folder *f);
/* Moves an error with the database's own folder to e. What cannot be read or written there (ERR_IO) concerns every
 * trial, not only the one that met it: ERR_STORAGE. Returns e->code. */
int checkpoint_own_error(struct err *e, struct err *why);

/* Whether a file of that name lies there, whatever it holds. */
bool checkpoint_exists(const struct checkpoint_folder *f, const char *name);
/* Whether it is known that none does; false too where that cannot be told. */
bool checkpoint_is_absent(const struct checkpoint_folder *f, const char *name);
/* Reads a file from `own`, or from `other` if there is none and other is not NULL. Give it back with safetensors_close.
 * Refused: a name that is not of the form, no regular file, more than max_bytes (before anything is read), another
 * SHA-256 (NULL: any). ERR_FORMAT, ERR_IO. */
int checkpoint_read(struct safetensors *file, const struct checkpoint_folder *own,
                    const struct checkpoint_folder *other, const char *name, const char *sha256, size_t max_bytes,
                    struct err *e);
/* Copies a file into another folder, where it appears whole, with that SHA-256 (NULL: any), or not at all. What has its
 * name there is replaced. ERR_FORMAT or ERR_IO with what is wrong with the one that is read or written. */
int checkpoint_copy(const struct checkpoint_folder *from, const struct checkpoint_folder *to, const char *name,
                    const char *sha256, struct err *e);
/* Before a file of that name is written: what is no regular file leaves its place, a folder under the name
 * <name>.aside. */
void checkpoint_make_way(const struct checkpoint_folder *own, const char *name);
/* Removes a file of ours; one that cannot be removed is garbage that a later sweep finds. */
void checkpoint_remove(const struct checkpoint_folder *own, const char *name);

#endif
