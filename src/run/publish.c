#include "run/publish.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/killpoint.h"
#include "base/new_file.h"
#include "run/worker_process.h"
#include "store/copy.h"
#include "store/path.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t second_ns = 1000 * 1000 * 1000;

const char *publication_folder(void)
{
    static const char *const names[] = { "TPRUN_LOCAL", "SLURM_TMPDIR", "TMPDIR" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *folder = getenv(names[i]);
        if (folder && *folder)
            return folder;
    }
    return "/tmp";
}

bool publication_is_needed(const char *db)
{
    return path_network(db) != NULL;
}

/* ---- the working copy ---- */

static int name_local(struct publication *p, const char *local, struct err *e)
{
    char hex[65];
    struct stat st;
    const char *slash = strrchr(p->target, '/');
    hash_bytes_hex(p->target, strlen(p->target), hex);
    TRY(file_make_folders(local, ERR_STORAGE, e));
    const int n = snprintf(p->folder, sizeof p->folder, "%s/tprun-%ld-%.16s", local, (long)geteuid(), hex);
    if (n < 0 || (size_t)n >= sizeof p->folder ||
        snprintf(p->copy, sizeof p->copy, "%s%s", p->folder, slash) >= (int)sizeof p->copy)
        return err_set(e, ERR_STORAGE, "%s: the path is too long", local);
    const char *network = path_network(p->folder);
    if (network)
        return err_set(e, ERR_STORAGE,
                       "%s, where the database would be worked on, is on a network file system (%s) too: name a folder "
                       "on a disk of this machine by --local or $TPRUN_LOCAL",
                       local, network);
    if (mkdir(p->folder, 0700) < 0 && errno != EEXIST)
        return err_set(e, ERR_STORAGE, "%s: cannot make it: %s", p->folder, strerror(errno));
    if (lstat(p->folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0022) != 0)
        return err_set(e, ERR_STORAGE, "%s is not a folder of yours alone", p->folder);
    return 0;
}

static void remove_beside(const char *path, const char *ending)
{
    char name[4096 + 16];
    snprintf(name, sizeof name, "%s%s", path, ending);
    (void)unlink(name); /* what cannot be removed is met when it is to be written */
}

/* Empties the folder, but for its lock: a lock that is unlinked would let two processes lock two files. */
static void clear_local(const struct publication *p)
{
    static const char *const endings[] = { "", "-wal", "-shm", "-journal", ".lock" };
    char path[4096 + 16];
    struct err ignored = { 0 };
    struct checkpoint_folder own;
    const struct checkpoint_set none = { 0 };
    struct swept swept;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        remove_beside(p->copy, endings[i]);
    remove_beside(p->folder, "/outgoing");
    snprintf(path, sizeof path, "%s.checkpoints", p->copy);
    if (checkpoint_folder_open(&own, path, true, &ignored) == 0)
        (void)checkpoint_set_sweep(&none, &own, false, &swept, &ignored);
    err_clear(&ignored);
    checkpoint_folder_close(&own);
    (void)rmdir(path);
}

/* The copy's checkpoints. Close the folder also after an error. */
static int open_own(const struct publication *p, struct checkpoint_folder *own, struct err *e)
{
    char path[4096 + 16];
    own->fd = -1;
    snprintf(path, sizeof path, "%s.checkpoints", p->copy);
    TRY(file_make_folders(path, ERR_STORAGE, e));
    return checkpoint_folder_open(own, path, true, e);
}

static int copy_file(const char *from, const char *to, struct err *e)
{
    struct new_file f;
    int code = new_file_begin_copy(&f, to, from, e);
    KILL_POINT(RUN_PUBLISH);
    if (code == 0)
        code = new_file_replace(&f, e);
    KILL_POINT(RUN_PUBLISHED);
    new_file_end(&f);
    return code < 0 && e->code == ERR_IO ? (e->code = ERR_STORAGE) : code;
}

/* One that is absent or damaged is missed by the trial that needs it, which says so; it is told by an empty SHA-256, so
 * that a good one is published in its place. */
static int fetch_checkpoint(struct publication *p, const struct checkpoint_folder *own, struct checkpoint_entry *x,
                            struct err *e)
{
    struct err why = { 0 };
    const int code = checkpoint_copy(&p->there, own, x->name, x->sha256, &why);
    if (code < 0 && code != ERR_FORMAT && !checkpoint_is_absent(&p->there, x->name))
        return checkpoint_own_error(e, &why);
    if (code < 0)
        x->sha256[0] = 0;
    err_clear(&why);
    return 0;
}

/* The checkpoints that the copy names. */
static int fetch_checkpoints(struct publication *p, struct err *e)
{
    struct checkpoint_folder own;
    int code = open_own(p, &own, e);
    for (size_t i = 0; i < p->published.n && code == 0; i++)
        code = fetch_checkpoint(p, &own, &p->published.items[i], e);
    checkpoint_folder_close(&own);
    return code;
}

static int is_there(const char *path, bool *there, struct err *e)
{
    *there = access(path, F_OK) == 0;
    return *there || errno == ENOENT ? 0 : err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
}

/* What is published becomes the working copy, brought up to date. */
static int fetch(struct publication *p, struct err *e)
{
    struct store *s;
    bool there;
    TRY(is_there(p->target, &there, e));
    if (!there)
        return 0;
    TRY(copy_file(p->target, p->copy, e));
    TRY(store_open(&s, p->copy, e));
    TRY(store_close(s, e));
    TRY(checkpoint_set_read(&p->published, p->copy, CHECKPOINTS_NAMED, e));
    return fetch_checkpoints(p, e);
}

static int open_there(struct publication *p, struct err *e)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s.checkpoints", p->target) >= (int)sizeof path)
        return err_set(e, ERR_STORAGE, "%s: the path is too long", p->target);
    TRY(file_make_folders(path, ERR_STORAGE, e));
    return checkpoint_folder_open(&p->there, path, true, e);
}

int publication_open(struct publication *p, const char *db, const char *local, struct err *e)
{
    *p = (struct publication){ .there = { .fd = -1 } };
    TRY(path_resolve(db, PATH_REPLACE, &p->target, e));
    TRY(name_local(p, local, e));
    struct swept swept;
    char name[4096 + 16];
    snprintf(name, sizeof name, "%s/published", p->folder);
    TRY(lock_take(&p->lock, name, e));
    clear_local(p);
    TRY(open_there(p, e));
    TRY(fetch(p, e));
    /* what a worker left that died between two steps */
    return checkpoint_set_sweep(&p->published, &p->there, false, &swept, e);
}

void publication_close(struct publication *p)
{
    if (p->lock.fd_plus_1 > 0)
        clear_local(p);
    lock_release(&p->lock);
    checkpoint_folder_close(&p->there);
    checkpoint_set_free(&p->published);
    free(p->target);
    *p = (struct publication){ .there = { .fd = -1 } };
}

/* ---- publishing ---- */

bool publication_is_due(const struct publication *p, bool happened)
{
    const int64_t passed = now_ns() - p->since_ns, pause = 20 * p->took_ns;
    return passed >= second_ns && passed >= pause && (happened || passed >= 60 * second_ns);
}

/* Files first, then the database that names them, then the files that it names no more. */
static int put(struct publication *p, const char *outgoing, struct checkpoint_set *now,
               const struct checkpoint_folder *own, struct err *e)
{
    TRY(checkpoint_set_read(now, outgoing, CHECKPOINTS_NAMED, e));
    for (size_t i = 0; i < now->n; i++) {
        const struct checkpoint_entry *x = &now->items[i], *before = checkpoint_set_find(&p->published, x->name);
        if ((before && strcmp(before->sha256, x->sha256) == 0) || checkpoint_is_absent(own, x->name))
            continue;
        TRY(checkpoint_copy(own, &p->there, x->name, NULL, e)); /* a damaged one stays as damaged as it is */
    }
    TRY(copy_file(outgoing, p->target, e));
    for (size_t i = 0; i < p->published.n; i++)
        if (!checkpoint_set_find(now, p->published.items[i].name))
            checkpoint_remove(&p->there, p->published.items[i].name);
    return 0;
}

int publication_put(struct publication *p, struct store *s, const struct checkpoint_folder *own, struct err *e)
{
    char outgoing[4096 + 16];
    struct checkpoint_set now = { 0 };
    struct err why = { 0 };
    const int64_t start_ns = now_ns();
    snprintf(outgoing, sizeof outgoing, "%s/outgoing", p->folder);
    TRY(store_copy(s, outgoing, e));
    const int code = put(p, outgoing, &now, own, &why);
    (void)unlink(outgoing);
    if (code < 0) {
        checkpoint_set_free(&now);
        return checkpoint_own_error(e, &why);
    }
    checkpoint_set_free(&p->published);
    p->published = now;
    p->since_ns = now_ns();
    p->took_ns = p->since_ns - start_ns;
    return 0;
}
