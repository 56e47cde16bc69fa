/* Makes the state that a disk may have after a power cut, from a log of record.c.
 *
 *   replay LOG SEED OUT         at a random instant, with what was not synced kept at random; prints "cut N
 * acknowledged M" replay LOG full:N OUT       after N records, with everything kept: what a killed program leaves
 *
 * The model is strict: a write is durable after fsync of its file, in pieces of 512 bytes before; a name in a folder is
 * durable after fsync of that folder, whatever happened to the file. M is the number of records after which SQLite last
 * had the answer that its write-ahead log is synced: what was committed then has been acknowledged. */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

struct object;
struct entry {
    const char *name;
    struct object *object;
};

/* A change of a folder that is not synced. */
struct change {
    enum record_op op;
    const char *name, *other;
    struct object *object;
};

/* A file or a folder. `current` is what running programs see, `durable` what a power cut leaves for certain. */
struct object {
    uint64_t inode;
    bool is_folder, is_log;
    unsigned char *bytes; /* durable contents of a file */
    size_t n, capacity;
    const struct record **pending; /* writes and truncations */
    size_t n_pending;
    struct entry *current, *durable; /* of a folder */
    size_t n_current, n_durable;
    struct change *changes;
    size_t n_changes;
};

struct disk {
    struct object **objects;
    size_t n;
    struct object *root;
};

static uint64_t random_state;

static double chance(void)
{
    uint64_t z = random_state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

__attribute__((noreturn)) static void fail(const char *what)
{
    fprintf(stderr, "replay: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void *grown(void *items, size_t n, size_t size)
{
    if ((n & (n - 1)) != 0) /* not 0, 1, 2, 4, ...: there is room */
        return items;
    void *p = realloc(items, (n ? 2 * n : 1) * size);
    if (!p)
        fail("memory");
    return p;
}

static const char *copied(const char *text, size_t n)
{
    char *s = strndup(text, n);
    if (!s)
        fail("memory");
    return s;
}

/* ---- folders ---- */

static void set_entry(struct entry **entries, size_t *n, const char *name, struct object *object)
{
    for (size_t i = 0; i < *n; i++)
        if (!strcmp((*entries)[i].name, name)) {
            (*entries)[i].object = object; /* NULL: not there */
            return;
        }
    *entries = grown(*entries, *n, sizeof **entries);
    (*entries)[(*n)++] = (struct entry){ name, object };
}

static struct object *get_entry(const struct entry *entries, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(entries[i].name, name))
            return entries[i].object;
    return NULL;
}

static void apply_change(struct entry **entries, size_t *n, const struct change *c)
{
    if (c->op == RECORD_RENAME || c->op == RECORD_UNLINK)
        set_entry(entries, n, c->name, NULL);
    if (c->op != RECORD_UNLINK)
        set_entry(entries, n, c->op == RECORD_RENAME ? c->other : c->name, c->object);
}

static void change_folder(struct object *folder, struct change c)
{
    if (c.op == RECORD_RENAME || c.op == RECORD_UNLINK)
        c.object = get_entry(folder->current, folder->n_current, c.name);
    apply_change(&folder->current, &folder->n_current, &c);
    folder->changes = grown(folder->changes, folder->n_changes, sizeof c);
    folder->changes[folder->n_changes++] = c;
}

/* ---- files ---- */

static void resize(struct object *f, size_t n)
{
    if (n > f->capacity) {
        f->capacity = 2 * n;
        f->bytes = realloc(f->bytes, f->capacity);
        if (!f->bytes)
            fail("memory");
    }
    if (n > f->n)
        memset(f->bytes + f->n, 0, n - f->n);
    f->n = n;
}

static const unsigned char *data_of(const struct record *r)
{
    return (const unsigned char *)(r + 1) + r->n_path + r->n_other;
}

/* Applies a write or truncation, each sector of it with this probability. */
static void apply_write(struct object *f, const struct record *r, double keep)
{
    if (r->op == RECORD_TRUNCATE) {
        if (chance() < keep)
            resize(f, r->offset);
        return;
    }
    for (uint64_t at = r->offset, end = r->offset + r->n; at < end;) {
        const uint64_t next = at / SECTOR * SECTOR + SECTOR, stop = next < end ? next : end;
        if (chance() < keep) {
            if (stop > f->n)
                resize(f, stop);
            memcpy(f->bytes + at, data_of(r) + (at - r->offset), stop - at);
        }
        at = stop;
    }
}

/* ---- the log ---- */

static struct object *add_object(struct disk *d, uint64_t inode, bool is_folder)
{
    struct object *o = calloc(1, sizeof *o);
    if (!o)
        fail("memory");
    o->inode = inode;
    o->is_folder = is_folder;
    d->objects = grown(d->objects, d->n, sizeof *d->objects);
    return d->objects[d->n++] = o;
}

static struct object *find(const struct disk *d, uint64_t inode)
{
    for (size_t i = d->n; i-- > 0;) /* the newest: numbers are used again */
        if (d->objects[i]->inode == inode)
            return d->objects[i];
    return NULL;
}

static void sync_object(struct object *o, double keep_writes, double keep_names)
{
    for (size_t i = 0; i < o->n_pending; i++)
        apply_write(o, o->pending[i], keep_writes);
    o->n_pending = 0;
    for (size_t i = 0; i < o->n_changes; i++)
        if (chance() < keep_names)
            apply_change(&o->durable, &o->n_durable, &o->changes[i]);
    o->n_changes = 0;
}

/* Returns whether this record acknowledges what was committed. */
static bool take(struct disk *d, const struct record *r)
{
    const char *text = (const char *)(r + 1);
    struct change c = { r->op, copied(text, r->n_path), copied(text + r->n_path, r->n_other), NULL };
    struct object *folder = r->folder ? find(d, r->folder) : NULL, *o = find(d, r->inode);
    switch (r->op) {
    case RECORD_BEGIN:
        d->root = add_object(d, r->inode, true);
        break;
    case RECORD_CREATE:
    case RECORD_MKDIR:
        c.object = add_object(d, r->inode, r->op == RECORD_MKDIR);
        c.object->is_log = r->n_path > 4 && !strcmp(c.name + r->n_path - 4, "-wal");
        /* fall through */
    case RECORD_LINK:
        if (r->op == RECORD_LINK)
            c.object = o;
        /* fall through */
    case RECORD_RENAME:
    case RECORD_UNLINK:
        if (folder)
            change_folder(folder, c);
        break;
    case RECORD_WRITE:
    case RECORD_TRUNCATE:
        if (!o)
            break;
        o->pending = grown(o->pending, o->n_pending, sizeof *o->pending);
        o->pending[o->n_pending++] = r;
        break;
    default:
        if (o && r->offset == 0)
            sync_object(o, 1, 1);
        return o && o->is_log;
    }
    return false;
}

/* ---- the state ---- */

static void write_object(struct object *o, const char *path)
{
    if (!o->is_folder) {
        const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        if (fd < 0 || (o->n && write(fd, o->bytes, o->n) != (ssize_t)o->n) || close(fd) < 0)
            fail(path);
        return;
    }
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        fail(path);
    for (size_t i = 0; i < o->n_durable; i++) {
        char below[4096];
        if (!o->durable[i].object)
            continue;
        if (snprintf(below, sizeof below, "%s/%s", path, o->durable[i].name) >= (int)sizeof below)
            fail("a path that is too long");
        write_object(o->durable[i].object, below);
    }
}

static unsigned char *read_log(const char *path, size_t *n)
{
    struct stat st;
    const int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &st) < 0)
        fail(path);
    unsigned char *bytes = malloc((size_t)st.st_size + 1);
    *n = 0;
    for (ssize_t got; bytes && (got = read(fd, bytes + *n, (size_t)st.st_size - *n)) > 0;)
        *n += (size_t)got;
    close(fd);
    if (!bytes || *n != (size_t)st.st_size)
        fail(path);
    return bytes;
}

/* The records, each copied to an aligned place. */
static const struct record **split(const unsigned char *bytes, size_t n, size_t *count)
{
    const struct record **records = NULL;
    *count = 0;
    for (size_t at = 0; at + sizeof(struct record) <= n;) {
        struct record r;
        memcpy(&r, bytes + at, sizeof r);
        const size_t size = sizeof r + r.n_path + r.n_other + r.n;
        struct record *copy = malloc(size);
        if (!copy || at + size > n)
            fail("the log is cut");
        memcpy(copy, bytes + at, size);
        records = grown(records, *count, sizeof *records);
        records[(*count)++] = copy;
        at += size;
    }
    return records;
}

/* Anywhere, or as often just before a sync, a rename or an unlink, where most is pending. */
static size_t choose(const struct record **records, size_t n)
{
    size_t cut = (size_t)(chance() * (double)n);
    if (chance() < 0.5)
        while (cut < n && records[cut]->op != RECORD_SYNC && records[cut]->op != RECORD_RENAME &&
               records[cut]->op != RECORD_UNLINK)
            cut++;
    return cut < 1 ? 1 : cut;
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        fprintf(stderr, "usage: replay LOG SEED|full:N OUT\n");
        return 2;
    }
    size_t size = 0, n = 0, acknowledged = 0;
    const unsigned char *log = read_log(argv[1], &size);
    const struct record **records = split(log, size, &n);
    const bool full = !strncmp(argv[2], "full:", 5);
    random_state = full ? 0 : strtoull(argv[2], NULL, 10);
    const size_t cut = full ? strtoull(argv[2] + 5, NULL, 10) : choose(records, n);
    struct disk d = { 0 };
    for (size_t i = 0; i < cut && i < n; i++)
        if (take(&d, records[i]))
            acknowledged = i + 1;
    static const double keep[] = { 0, 0, 1, 0.5, 0.5, 0.1, 0.9 }; /* nothing and half are the likeliest to hurt */
    const double keep_writes = full ? 1 : keep[(size_t)(chance() * 7)],
                 keep_names = full ? 1 : keep[(size_t)(chance() * 7)];
    for (size_t i = 0; i < d.n; i++)
        sync_object(d.objects[i], keep_writes, keep_names);
    if (!d.root)
        fail("no folder was recorded");
    write_object(d.root, argv[3]);
    printf("cut %zu acknowledged %zu of %zu writes %g names %g\n", cut, acknowledged, n, keep_writes, keep_names);
    return 0;
}
