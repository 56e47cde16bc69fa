#include "fetch/tar.h"

#include "base/gunzip.h"
#include "base/map.h"
#include <inttypes.h>
#include <string.h>

/* POSIX.1-1988 "ustar": blocks of 512 bytes; name at 0, size at 124 in octal, checksum at 148, type at 156. */
enum { BLOCK = 512, NAME = 100, SIZE_AT = 124, SUM_AT = 148, TYPE_AT = 156, PREFIX_AT = 345, MOST_SKIPPED = 1 << 20 };

struct tar {
    struct gunzip gunzip;
    const struct fetch_set *set;
    const char *folder, *path;
    struct keep *keep;
    bool met[FETCH_MAX_FILES];
    uint64_t at; /* offset in the inflated archive */
};

static int read_block(struct tar *t, uint8_t block[BLOCK], struct err *e)
{
    size_t got;
    TRY(gunzip_read(&t->gunzip, block, BLOCK, &got, e));
    if (got < BLOCK)
        return err_set(e, ERR_FORMAT, "%s: the archive ends at byte %" PRIu64 " of the inflated data", t->path,
                       t->at + got);
    t->at += BLOCK;
    return 0;
}

static bool octal(const uint8_t *field, size_t n, uint64_t *value)
{
    size_t i = 0;
    *value = 0;
    while (i < n && field[i] == ' ')
        i++;
    const size_t first = i;
    for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value * 8 + (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
    return i > first && (i == n || field[i] == 0 || field[i] == ' ');
}

static bool sum_is_right(const uint8_t header[BLOCK])
{
    uint64_t claimed, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM_AT && i < SUM_AT + 8 ? ' ' : header[i];
    return octal(header + SUM_AT, 8, &claimed) && claimed == sum;
}

static bool all_zero(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i])
            return false;
    return true;
}

/* Reads a file's data; into k unless that is NULL. */
static int read_data(struct tar *t, uint64_t size, struct keep *k, struct err *e)
{
    uint8_t block[BLOCK];
    for (uint64_t done = 0; done < size; done += BLOCK) {
        TRY(read_block(t, block, e));
        if (k)
            TRY(keep_write(k, block, size - done < BLOCK ? (size_t)(size - done) : BLOCK, e));
    }
    return 0;
}

static int refuse(const struct tar *t, const char *why, struct err *e)
{
    return err_set(e, ERR_FORMAT, "%s: byte %" PRIu64 " of the inflated archive: %s", t->path, t->at - BLOCK, why);
}

static int take_entry(struct tar *t, const uint8_t header[BLOCK], struct err *e)
{
    char name[NAME + 1];
    uint64_t size;
    memcpy(name, header, NAME);
    name[NAME] = 0;
    if (!sum_is_right(header))
        return refuse(t, "a header whose checksum is wrong", e);
    if (!octal(header + SIZE_AT, 12, &size) || header[PREFIX_AT] != 0)
        return refuse(t, "a header that this archive does not have", e);
    const size_t n = strlen(t->set->archive_folder);
    if (strncmp(name, t->set->archive_folder, n) != 0 || name[n] != '/')
        return refuse(t, "an entry outside of the archive's folder", e);
    const char *base = name + n + 1, type = (char)header[TYPE_AT];
    if (type == '5' && *base == 0 && size == 0)
        return 0; /* the folder itself */
    if ((type != '0' && type != 0) || *base == 0 || strchr(base, '/'))
        return refuse(t, "an entry that is not a plain file of the archive's folder", e);
    for (size_t i = 0; i < t->set->n_files; i++) {
        const struct fetch_file *file = &t->set->files[i];
        if (strcmp(base, file->name) != 0)
            continue;
        if (t->met[i])
            return refuse(t, "a member for the second time", e);
        if (size != file->size)
            return refuse(t, "a member of another size than expected", e);
        t->met[i] = true;
        TRY(keep_begin(&t->keep[i], t->folder, file->name, e));
        TRY(read_data(t, size, &t->keep[i], e));
        return keep_sync(&t->keep[i], e);
    }
    if (size > MOST_SKIPPED)
        return refuse(t, "a large file that this archive does not have", e);
    return read_data(t, size, NULL, e);
}

/* To the end: two blocks of zeros, then only zeros (padding to a record), then the end of the gzip data. */
static int read_end(struct tar *t, struct err *e)
{
    uint8_t block[BLOCK];
    size_t got;
    TRY(read_block(t, block, e));
    for (uint64_t padding = 0;; padding += got) {
        if (!all_zero(block, BLOCK) || padding > MOST_SKIPPED)
            return refuse(t, "data behind the end of the archive", e);
        TRY(gunzip_read(&t->gunzip, block, BLOCK, &got, e));
        if (got == 0)
            return gunzip_end(&t->gunzip, t->at, e);
        memset(block + got, 0, BLOCK - got);
        t->at += BLOCK;
    }
}

static int unpack(struct tar *t, struct err *e)
{
    uint8_t header[BLOCK];
    for (size_t entries = 0;; entries++) {
        TRY(read_block(t, header, e));
        if (all_zero(header, BLOCK))
            break;
        if (entries > 4 * (size_t)FETCH_MAX_FILES)
            return refuse(t, "more entries than this archive has", e);
        TRY(take_entry(t, header, e));
    }
    TRY(read_end(t, e));
    for (size_t i = 0; i < t->set->n_files; i++)
        if (!t->met[i])
            return err_set(e, ERR_FORMAT, "%s: has no member %s/%s", t->path, t->set->archive_folder,
                           t->set->files[i].name);
    return 0;
}

int tar_unpack(const struct fetch_set *set, const char *folder, const char *path, struct keep *keep, struct err *e)
{
    struct tar t = { .set = set, .folder = folder, .path = path, .keep = keep };
    struct map m;
    for (size_t i = 0; i < set->n_files; i++)
        keep[i] = (struct keep){ 0 };
    TRY(map_open(&m, path, set->archive_size, e));
    int code = gunzip_open(&t.gunzip, m.bytes, m.n, path, e);
    if (code == 0) {
        code = unpack(&t, e);
        gunzip_close(&t.gunzip);
    }
    map_close(&m);
    return code;
}
