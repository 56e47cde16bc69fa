/* Files in a folder of their own, for tests of readers. */
#ifndef TPRUN_TESTS_DATA_FILES_H
#define TPRUN_TESTS_DATA_FILES_H

#include "base/err.h"
#include "data/idx.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

/* A new folder, which is also the cache and the only place where data is looked for. */
static inline char *files_folder(char folder[64])
{
    snprintf(folder, 64, "/tmp/tprun-check-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("TPRUN_DATA", folder, 1);
    setenv("XDG_DATA_HOME", folder, 1);
    setenv("XDG_CACHE_HOME", folder, 1);
    return folder;
}

static inline void files_remove(const char *folder)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static inline void files_write(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    ck_assert_int_eq(fclose(f), 0);
}

/* The header of an IDX file of bytes; returns its length. */
static inline size_t files_idx_header(uint8_t *out, size_t rank, const uint32_t *dim)
{
    out[0] = out[1] = 0;
    out[2] = 8;
    out[3] = (uint8_t)rank;
    for (size_t i = 0; i < rank; i++)
        for (size_t b = 0; b < 4; b++)
            out[4 + 4 * i + b] = (uint8_t)(dim[i] >> (24 - 8 * b));
    return 4 + 4 * rank;
}

/* One gzip member; returns its length. */
static inline size_t files_gzip(uint8_t *out, size_t room, const void *bytes, size_t n)
{
    z_stream z = { 0 };
    ck_assert_int_eq(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)bytes;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
    const size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}

/* The error in e has this code, and its first message these words; e is cleared. */
static inline void files_refused(int code, int expected, struct err *e, const char *words)
{
    ck_assert_int_eq(code, expected);
    ck_assert_msg(strstr(err_first(e), words), "'%s' does not say '%s'", err_first(e), words);
    err_clear(e);
}

#endif
