#include "run/publish.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/killpoint.h"
#include "base/new_file.h"
#include "run/worker_process.h"
#include "store/copy.h"
#include "store/path.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const int64_t second_ns = 1000 * 1000 * 1000;
static const char lock_name[] = "published";

/* Endings of the note beside the copy; the second one after an error that was told. It says which databases the copy
 * can take the place of: "<SHA-256 of the one that it went on from> <that of the one that takes its place>\n". It is
 * written just before, so whenever the program dies, one of both is published, or what somebody else put there. Without
 * a note nothing was trained in the copy. */
static const char note_publishing[] = ".publishing", note_kept[] = ".unpublished";
static const char no_database[] = "none"; /* in place of a SHA-256 */

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

static void path_beside(const struct publication *p, const char *ending, char path[4096 + 16])
{
    snprintf(path, 4096 + 16, "%s%s", p->copy, ending);
}

static void remove_beside(const struct publication *p, const char *ending)
{
    char path[4096 + 16];
    path_beside(p, ending, path);
    (void)unlink(path); /* what cannot be removed is met when it is to be written */
}

/* Empties the folder, but for its lock: a lock that is unlinked would let two processes lock two files. */
static void clear_local(const struct publication *p)
{
    char path[4096 + 16], lock[32];
    struct err ignored = { 0 };
    struct checkpoint_folder own;
    const struct checkpoint_set none = { 0 };
    struct swept swept;
    remove_beside(p, note_publishing); /* first: a part of a copy must not be published */
    remove_beside(p, note_kept);
    path_beside(p, ".checkpoints", path);
    if (checkpoint_folder_open(&own, path, true, &ignored) == 0)
        (void)checkpoint_set_sweep(&none, &own, false, &swept, &ignored);
    err_clear(&ignored);
    checkpoint_folder_close(&own);
    (void)rmdir(path);
    snprintf(lock, sizeof lock, "%s.lock", lock_name);
    DIR *dir = opendir(p->folder);
    const struct dirent *d;
    while (dir && (d = readdir(dir)))
        if (strcmp(d->d_name, lock) != 0)
            (void)unlinkat(dirfd(dir), d->d_name, 0);
    if (dir)
        closedir(dir);
}

/* The copy's checkpoints. Close the folder also after an error. */
static int open_own(const struct publication *p, struct checkpoint_folder *own, struct err *e)
{
    char path[4096 + 16];
    own->fd = -1;
    path_beside(p, ".checkpoints", path);
    TRY(file_make_folders(path, ERR_STORAGE, e));
    return checkpoint_folder_open(own, path, true, e);
}

static int is_there(const char *path, bool *there, struct err *e)
{
    *there = access(path, F_OK) == 0;
    return *there || errno == ENOENT ? 0 : err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
}

static int write_note(const struct publication *p, const char *next, struct err *e)
{
    struct new_file f;
    char path[4096 + 16], text[2 * 65 + 1];
    path_beside(p, p->note, path);
    const int n = snprintf(text, sizeof text, "%s %s\n", p->sha256, next);
    int code = new_file_begin(&f, path, e);
    if (code == 0)
        code = new_file_write(&f, text, (size_t)n, e);
    if (code == 0)
        code = new_file_replace(&f, e);
    new_file_end(&f);
    KILL_POINT(RUN_PUBLISH_NOTED);
    return code;
}

/* The database, of which p->sha256 is told then. notes: a note is to say so first. */
static int copy_file(struct publication *p, const char *from, const char *to, bool notes, struct err *e)
{
    struct new_file f;
    struct hash h;
    char sha256[65];
    hash_init(&h);
    int code = new_file_begin_copy(&f, to, from, &h, e);
    hash_hex(&h, sha256);
    KILL_POINT(RUN_PUBLISH);
    if (code == 0)
        code = new_file_sync(&f, e);
    if (code == 0 && notes)
        code = write_note(p, sha256, e);
    if (code == 0)
        code = new_file_replace(&f, e);
    KILL_POINT(RUN_PUBLISHED);
    new_file_end(&f);
    if (code == 0)
        snprintf(p->sha256, sizeof p->sha256, "%s", sha256);
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

/* What is published becomes the working copy, brought up to date. */
static int fetch(struct publication *p, struct err *e)
{
    struct store *s;
    bool there;
    TRY(is_there(p->target, &there, e));
    if (!there)
        return 0;
    TRY(copy_file(p, p->target, p->copy, false, e));
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
    TRY(copy_file(p, outgoing, p->target, p->note != NULL, e));
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
    path_beside(p, ".outgoing", outgoing);
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

/* ---- what an earlier worker left ---- */

/* p->note: NULL if there is none. */
static int read_note(struct publication *p, char before[65], char next[65], struct err *e)
{
    static const char *const endings[] = { note_publishing, note_kept };
    char path[4096 + 16];
    for (size_t i = 0; i < sizeof endings / sizeof *endings && !p->note; i++) {
        path_beside(p, endings[i], path);
        FILE *in = fopen(path, "re");
        if (!in && errno != ENOENT)
            return err_set(e, ERR_STORAGE, "%s: %s", path, strerror(errno));
        if (!in)
            continue;
        p->note = endings[i];
        const int n = fscanf(in, "%64s %64s", before, next);
        fclose(in); /* read only */
        if (n != 2)
            return err_set(e, ERR_STORAGE, "%s: is damaged", path);
    }
    return 0;
}

static int hash_target(struct publication *p, struct err *e)
{
    bool there;
    struct err why = { 0 };
    TRY(is_there(p->target, &there, e));
    if (!there)
        snprintf(p->sha256, sizeof p->sha256, "%s", no_database);
    else if (hash_file_hex(p->target, p->sha256, &why) < 0)
        return checkpoint_own_error(e, &why);
    return 0;
}

static int publish_copy(struct publication *p, struct err *e)
{
    struct store *s;
    struct checkpoint_folder own;
    struct err closing = { 0 };
    TRY(store_open(&s, p->copy, e));
    int code = open_own(p, &own, e);
    if (code == 0)
        code = publication_put(p, s, &own, e);
    checkpoint_folder_close(&own);
    if (store_close(s, &closing) < 0 && code == 0)
        code = err_move(e, &closing);
    err_clear(&closing);
    return code;
}

/* Publishes what was not, unless somebody else went on from what was. */
static int publish_left(struct publication *p, struct err *e)
{
    char before[65], next[65];
    bool there;
    TRY(read_note(p, before, next, e));
    TRY(is_there(p->copy, &there, e));
    if (!p->note || !there)
        return 0;
    TRY(hash_target(p, e));
    if (strcmp(p->sha256, before) == 0 || strcmp(p->sha256, next) == 0)
        return publish_copy(p, e);
    return p->note == note_kept ? err_set(e, ERR_STORAGE, "%s: another worker has published it since", p->target) : 0;
}

/* What was trained and may not be published is marked to stay. Returns whether there is any. */
static bool keep(const struct publication *p)
{
    char from[4096 + 16], to[4096 + 16];
    path_beside(p, note_publishing, from);
    path_beside(p, note_kept, to);
    return rename(from, to) == 0 || errno != ENOENT;
}

int publication_open(struct publication *p, const char *db, const char *local, bool keeps, struct err *e)
{
    *p = (struct publication){ .there = { .fd = -1 } };
    TRY(path_resolve(db, PATH_REPLACE, &p->target, e));
    TRY(name_local(p, local, e));
    struct swept swept;
    char name[4096 + 16];
    snprintf(name, sizeof name, "%s/%s", p->folder, lock_name);
    TRY(lock_take(&p->lock, name, e));
    TRY(open_there(p, e));
    const int code = publish_left(p, e);
    if (code < 0 && p->note) {
        (void)keep(p);
        err_note(
            e, (struct where){ 0 },
            "%s holds what is not published; when its folder is moved away (`tprun merge` takes the database in) or "
            "removed, the same command goes on from what is published",
            p->copy);
    }
    TRY(code);
    clear_local(p);
    checkpoint_set_free(&p->published);
    p->begun = true;
    p->note = keeps ? note_publishing : NULL;
    snprintf(p->sha256, sizeof p->sha256, "%s", no_database);
    TRY(fetch(p, e));
    /* what a worker left that died between two steps */
    return checkpoint_set_sweep(&p->published, &p->there, false, &swept, e);
}

void publication_close(struct publication *p, int code, struct err *e)
{
    if (p->begun && code < 0 && code != ERR_STOPPED && keep(p))
        err_note(e, (struct where){ 0 },
                 "what is not published stays in %s; the same command on this machine publishes it first", p->copy);
    else if (p->begun)
        clear_local(p);
    lock_release(&p->lock);
    checkpoint_folder_close(&p->there);
    checkpoint_set_free(&p->published);
    free(p->target);
    *p = (struct publication){ .there = { .fd = -1 } };
}
