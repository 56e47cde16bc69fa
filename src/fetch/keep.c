#include "fetch/keep.h"

#include "base/gunzip.h"
#include "base/map.h"
#include "base/text.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE = 1 << 16 };

char *keep_path(const char *folder, const char *name, const char *suffix)
{
    struct text t = { 0 };
    text_add(&t, "%s/%s%s", folder, name, suffix);
    return t.s;
}

int keep_begin(struct keep *k, const char *folder, const char *name, struct err *e)
{
    *k = (struct keep){ .path = keep_path(folder, name, "") };
    hash_init(&k->hash);
    return new_file_begin(&k->file, k->path, e);
}

int keep_write(struct keep *k, const void *bytes, size_t n, struct err *e)
{
    hash_add(&k->hash, bytes, n);
    k->n += n;
    return new_file_write(&k->file, bytes, n, e);
}

int keep_sync(struct keep *k, struct err *e)
{
    hash_hex(&k->hash, k->sha256);
    return new_file_sync(&k->file, e);
}

int keep_replace(struct keep *k, struct err *e)
{
    return new_file_replace(&k->file, e);
}

int keep_rename(struct keep *k, struct err *e)
{
    char hex[65];
    bool there;
    TRY(new_file_link(&k->file, &there, e));
    if (!there)
        return 0;
    TRY(hash_file_hex(k->path, hex, e));
    if (strcmp(hex, k->sha256) != 0)
        return err_set(e, ERR_IO, "%s is there by now, with other bytes: SHA-256 %s", k->path, hex);
    return 0;
}

void keep_end(struct keep *k)
{
    if (!k->path)
        return;
    new_file_end(&k->file);
    free(k->path);
    *k = (struct keep){ 0 };
}

static int copy_plain(struct keep *k, const struct map *m, const char *path, uint64_t size, struct err *e)
{
    if (m->n != size)
        return err_set(e, ERR_FORMAT, "%s: %zu bytes, neither gzip data nor the %" PRIu64 " bytes expected", path, m->n,
                       size);
    return keep_write(k, m->bytes, m->n, e);
}

static int copy_gzip(struct keep *k, const struct map *m, const char *path, uint64_t size, struct err *e)
{
    struct gunzip g;
    uint8_t piece[PIECE];
    TRY(gunzip_open(&g, m->bytes, m->n, path, e));
    int code = 0;
    for (size_t got = 1; code == 0 && k->n < size && got > 0;) {
        code = gunzip_read(&g, piece, size - k->n < PIECE ? (size_t)(size - k->n) : PIECE, &got, e);
        if (code == 0)
            code = keep_write(k, piece, got, e);
    }
    if (code == 0 && k->n < size)
        code = err_set(e, ERR_FORMAT, "%s: inflates to %" PRIu64 " bytes; expected %" PRIu64, path, k->n, size);
    if (code == 0)
        code = gunzip_end(&g, size, e);
    gunzip_close(&g);
    return code;
}

int keep_file(const struct fetch_file *file, const char *folder, const char *path, struct err *e)
{
    struct map m;
    struct keep k;
    TRY(map_open(&m, path, file->size + file->size / 1000 + PIECE, e));
    int code = keep_begin(&k, folder, file->name, e);
    if (code == 0)
        code =
            gunzip_is(m.bytes, m.n) ? copy_gzip(&k, &m, path, file->size, e) : copy_plain(&k, &m, path, file->size, e);
    if (code == 0)
        code = keep_sync(&k, e);
    if (code == 0 && strcmp(k.sha256, file->sha256) != 0)
        code = err_set(e, ERR_FORMAT, "%s: wrong bytes: SHA-256 %s; expected %s", path, k.sha256, file->sha256);
    if (code == 0)
        code = keep_rename(&k, e);
    keep_end(&k);
    map_close(&m);
    return code;
}

int keep_check_sum(const char *path, const char *sha256, struct err *e)
{
    char hex[65];
    TRY(hash_file_hex(path, hex, e));
    if (strcmp(hex, sha256) != 0)
        return err_set(e, ERR_FORMAT, "%s: wrong bytes: SHA-256 %s; expected %s", path, hex, sha256);
    return 0;
}
