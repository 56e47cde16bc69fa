#include "trial/checkpoint_files.h"

#include "base/hash.h"
#include "base/new_file.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENDING ".safetensors"
enum { KEY_DIGITS = 16, MAX_DIGITS = 19 };

void checkpoint_name(char name[CHECKPOINT_NAME_SIZE], const char *key, int64_t step, int64_t done)
{
    if (done > 0)
        snprintf(name, CHECKPOINT_NAME_SIZE, "%.16s.%" PRId64 ".%" PRId64 ENDING, key, step, done);
    else
        snprintf(name, CHECKPOINT_NAME_SIZE, "%.16s.%" PRId64 ENDING, key, step);
}

/* Skips ".<digits>"; NULL if there is none. */
static const char *skip_number(const char *s)
{
    const size_t n = *s == '.' ? strspn(s + 1, "0123456789") : 0;
    return n > 0 && n <= MAX_DIGITS ? s + 1 + n : NULL;
}

/* What follows a name of ours, or NULL. */
static const char *skip_name(const char *name)
{
    if (strspn(name, "0123456789abcdef") != KEY_DIGITS)
        return NULL;
    const char *s = skip_number(name + KEY_DIGITS);
    const char *done = s ? skip_number(s) : NULL;
    s = done ? done : s;
    return s && strncmp(s, ENDING, strlen(ENDING)) == 0 ? s + strlen(ENDING) : NULL;
}

bool checkpoint_is_name(const char *name)
{
    const char *rest = skip_name(name);
    return rest && !*rest;
}

bool checkpoint_is_remainder(const char *name)
{
    const char *rest = skip_name(name);
    rest = rest ? skip_number(rest) : NULL; /* of the process */
    return rest && *rest == '.' && strspn(rest + 1, "0123456789abcdef") == 16 && strcmp(rest + 17, ".tmp") == 0;
}

int checkpoint_folder_path(const char *db, char path[4096], struct err *e)
{
    char *real = realpath(db, NULL);
    if (!real)
        return err_set(e, ERR_STORAGE, "%s: %s", db, strerror(errno));
    const int n = snprintf(path, 4096, "%s.checkpoints", real);
    free(real);
    return n < 4096 ? 0 : err_set(e, ERR_STORAGE, "%s: the path is too long", db);
}

int checkpoint_folder_open(struct checkpoint_folder *f, const char *path, bool own, struct err *e)
{
    f->fd = -1;
    if (snprintf(f->path, sizeof f->path, "%s", path) >= (int)sizeof f->path)
        return err_set(e, ERR_IO, "%s: the path is too long", path);
    f->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (own ? O_NOFOLLOW : 0));
    if (f->fd >= 0)
        return 0;
    const int reason = errno;
    struct stat st;
    if (own && lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return err_set(e, ERR_STORAGE,
                       "%s is a symbolic link; files are removed from this folder, so it must not lie elsewhere", path);
    return err_set(e, ERR_IO, "%s: %s", path, strerror(reason));
}

int checkpoint_own_error(struct err *e, struct err *why)
{
    if (why->code == ERR_IO)
        why->code = ERR_STORAGE;
    return err_move(e, why);
}

void checkpoint_folder_close(struct checkpoint_folder *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

bool checkpoint_exists(const struct checkpoint_folder *f, const char *name)
{
    struct stat st;
    return f->fd >= 0 && checkpoint_is_name(name) && fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

bool checkpoint_is_absent(const struct checkpoint_folder *f, const char *name)
{
    struct stat st;
    return fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

static int read_opened(struct safetensors *file, int fd, const char *sha256, size_t max_bytes, const char *path,
                       struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_FORMAT, "%s: is not a regular file", path);
    return safetensors_read(file, fd, (uint64_t)st.st_size, max_bytes, sha256, path, e);
}

/* Opens one for reading, and nothing else that lies in its place. path: 4096 + CHECKPOINT_NAME_SIZE, for messages. */
static int open_one(const struct checkpoint_folder *f, const char *name, char *path, struct err *e)
{
    snprintf(path, 4096 + CHECKPOINT_NAME_SIZE, "%s/%.79s", f->path, name);
    if (!checkpoint_is_name(name))
        return err_set(e, ERR_FORMAT, "'%.200s' is not the name of a checkpoint", name);
    const int fd = openat(f->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ELOOP || errno == ENXIO ? ERR_FORMAT : ERR_IO, "%s: %s", path,
                       errno == ELOOP ? "is a symbolic link" : strerror(errno));
    return fd;
}

static int copy_opened(int fd, const char *source, const struct checkpoint_folder *to, const char *name,
                       const char *sha256, struct err *e)
{
    char path[4096 + CHECKPOINT_NAME_SIZE], hex[65];
    struct new_file f;
    struct hash h;
    struct stat st;
    hash_init(&h);
    snprintf(path, sizeof path, "%s/%s", to->path, name);
    if (fstat(fd, &st) < 0)
        return err_set(e, ERR_IO, "%s: %s", source, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_FORMAT, "%s: is not a regular file", source);
    checkpoint_make_way(to, name);
    int code = new_file_begin_at(&f, to->fd, path, e);
    if (code == 0)
        code = new_file_copy(&f, fd, source, &h, e);
    hash_hex(&h, hex);
    if (code == 0 && sha256 && strcmp(hex, sha256) != 0)
        code =
            err_set(e, ERR_FORMAT, "%s: its SHA-256 is %.16s..., and the database says %.16s...", source, hex, sha256);
    if (code == 0)
        code = new_file_replace(&f, e);
    new_file_end(&f);
    return code;
}

int checkpoint_copy(const struct checkpoint_folder *from, const struct checkpoint_folder *to, const char *name,
                    const char *sha256, struct err *e)
{
    char source[4096 + CHECKPOINT_NAME_SIZE];
    const int fd = open_one(from, name, source, e);
    TRY(fd);
    const int code = copy_opened(fd, source, to, name, sha256, e);
    close(fd); /* read only: nothing to lose */
    return code;
}

int checkpoint_read(struct safetensors *file, const struct checkpoint_folder *own,
                    const struct checkpoint_folder *other, const char *name, const char *sha256, size_t max_bytes,
                    struct err *e)
{
    char path[4096 + CHECKPOINT_NAME_SIZE];
    *file = (struct safetensors){ 0 };
    const struct checkpoint_folder *f = other && !checkpoint_exists(own, name) ? other : own;
    const int fd = open_one(f, name, path, e);
    TRY(fd);
    const int code = read_opened(file, fd, sha256, max_bytes, path, e);
    close(fd); /* read only: nothing to lose */
    return code;
}

void checkpoint_make_way(const struct checkpoint_folder *own, const char *name)
{
    struct stat st;
    char aside[CHECKPOINT_NAME_SIZE + 8];
    if (fstatat(own->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISREG(st.st_mode))
        return;
    snprintf(aside, sizeof aside, "%s.aside", name);
    if (S_ISDIR(st.st_mode))
        (void)renameat(own->fd, name, own->fd, aside); /* if that fails, the writing will, and tell */
    else
        checkpoint_remove(own, name);
}

void checkpoint_remove(const struct checkpoint_folder *own, const char *name)
{
    if (own->fd >= 0 && (checkpoint_is_name(name) || checkpoint_is_remainder(name)))
        (void)unlinkat(own->fd, name, 0);
}
