#include "data/shared_idx.h"

#include "base/file.h"
#include "base/gunzip.h"
#include "base/hash.h"
#include "data/locate.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Compressed data is never larger than stored blocks of the same bytes (RFC 1951: 5 per 65535) with header and name. */
static uint64_t most_compressed(const struct idx *want)
{
    return want->size + want->size / 1000 + 65536;
}

/* ---- the cache ---- */

/* mkdir -p; the folder itself is the user's alone. */
static bool make_folder(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        const bool there = mkdir(path, 0777) == 0 || errno == EEXIST;
        *slash = '/';
        if (!there)
            return false;
    }
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

/* Takes the cached file if it is what the gzip file's own trailer claims. */
static bool take_cached(struct shared_idx *f, const struct idx *want, const struct map *gzip, const char *path)
{
    struct err e = { 0 };
    if (access(path, F_OK) == 0 && map_open(&f->map, path, want->size, &e) == 0 &&
        idx_check(want, f->map.bytes, f->map.n, path, &e) == 0 &&
        hash_crc32(0, f->map.bytes, f->map.n) == gunzip_claimed_crc(gzip->bytes, gzip->n)) {
        f->bytes = f->map.bytes;
        return true;
    }
    err_clear(&e); /* a damaged or foreign file: it is written anew */
    map_close(&f->map);
    return false;
}

struct output {
    int fd;
    const char *path;
};

static int write_file(void *self, const uint8_t *bytes, size_t n, struct err *e)
{
    const struct output *o = self;
    return file_write(o->fd, bytes, n, o->path, e);
}

/* Writes the cached file: whole under another name, then renamed, so that workers that start together may all do it. No
 * fsync: what a power cut leaves is recognised by its checksum. */
static int write_cached(const struct idx *want, const struct map *gzip, const char *gzip_path, const char *path,
                        struct arena *a, struct err *e)
{
    uint64_t random;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_set(e, ERR_IO, "no random numbers: %s", strerror(errno));
    const char *temporary = arena_printf(a, "%s.%ld.%016llx.tmp", path, (long)getpid(), (unsigned long long)random);
    struct output o = { .path = temporary };
    o.fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (o.fd < 0)
        return err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    int code =
        idx_inflate(want, gzip->bytes, gzip->n, gzip_path, (struct idx_writer){ .write = write_file, .self = &o }, e);
    if (close(o.fd) < 0 && code == 0)
        code = err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    if (code == 0 && rename(temporary, path) < 0)
        code = err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (code < 0)
        unlink(temporary); /* nothing more can be done if that fails, and nobody reads it */
    return code;
}

/* 0: f is open. ERR_IO: there is no cache. Other codes: the gzip file is at fault. */
static int open_cached(struct shared_idx *f, const struct idx *want, const struct map *gzip, const char *gzip_path,
                       struct arena *a, struct err *e)
{
    char hex[65];
    char *home = locate_home("XDG_CACHE_HOME", ".cache", a);
    char *folder = home ? arena_printf(a, "%s/tprun", home) : NULL;
    if (!folder)
        return err_set(e, ERR_IO, "neither XDG_CACHE_HOME nor HOME is set");
    hash_bytes_hex(gzip->bytes, gzip->n, hex);
    const char *path = arena_printf(a, "%s/%s.idx", folder, hex);
    if (take_cached(f, want, gzip, path))
        return 0;
    if (!make_folder(folder))
        return err_set(e, ERR_IO, "%s: %s", folder, strerror(errno));
    TRY(write_cached(want, gzip, gzip_path, path, a, e));
    return take_cached(f, want, gzip, path) ? 0 : err_set(e, ERR_IO, "%s: changed while it was written", path);
}

/* ---- memory ---- */

struct memory {
    uint8_t *bytes;
    size_t n;
};

static int write_memory(void *self, const uint8_t *bytes, size_t n, struct err *e)
{
    (void)e;
    struct memory *m = self;
    memcpy(m->bytes + m->n, bytes, n); /* idx_inflate hands out want->size bytes at most */
    m->n += n;
    return 0;
}

static int open_memory(struct shared_idx *f, const struct idx *want, const struct map *gzip, const char *path,
                       struct arena *a, struct err *e)
{
    struct memory m = { .bytes = arena_alloc(a, want->size, 1) };
    if (!m.bytes)
        return err_set(e, ERR_MEMORY, "%s: no memory for %zu bytes", path, want->size);
    f->bytes = m.bytes;
    return idx_inflate(want, gzip->bytes, gzip->n, path, (struct idx_writer){ .write = write_memory, .self = &m }, e);
}

static int open_gzip(struct shared_idx *f, const struct idx *want, const struct map *gzip, const char *path,
                     struct arena *a, struct err *e)
{
    struct err cache = { 0 };
    const int code = open_cached(f, want, gzip, path, a, &cache);
    if (code == 0)
        return 0;
    if (code != ERR_IO) {
        err_move(e, &cache);
        err_clear(&cache);
        return code;
    }
    err_warn(e, (struct where){ 0 }, "%s is inflated into memory by every worker, for want of a cache: %s", path,
             err_first(&cache));
    err_clear(&cache);
    return open_memory(f, want, gzip, path, a, e);
}

int shared_idx_open(struct shared_idx *f, const struct idx *want, const char *path, struct arena *a, struct err *e)
{
    struct map file;
    *f = (struct shared_idx){ 0 };
    TRY(map_open(&file, path, most_compressed(want), e));
    int code;
    if (gunzip_is(file.bytes, file.n)) {
        code = open_gzip(f, want, &file, path, a, e);
        map_close(&file);
    } else {
        f->map = file;
        f->bytes = file.bytes;
        code = idx_check(want, file.bytes, file.n, path, e);
    }
    if (code < 0)
        shared_idx_close(f);
    return code;
}

void shared_idx_close(struct shared_idx *f)
{
    map_close(&f->map);
    *f = (struct shared_idx){ 0 };
}
