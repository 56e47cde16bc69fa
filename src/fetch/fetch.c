#include "fetch/fetch.h"

#include "base/file.h"
#include "base/hash.h"
#include "base/sums.h"
#include "base/text.h"
#include "fetch/download.h"
#include "fetch/keep.h"
#include "fetch/tar.h"
#include <assert.h>
#include <curl/curl.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct where nowhere = { 0 };

/* What is fetched in one piece: a file, or the archive. */
struct item {
    const struct fetch_set *set;
    const struct fetch_file *file; /* NULL: the archive */
    const struct fetch_options *options;
};

__attribute__((format(printf, 2, 3))) static void say(const struct fetch_options *o, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args); /* a longer line is cut */
    va_end(args);
    if (o->say)
        o->say(line);
}

/* ---- keeping ---- */

/* Everything from the archive, then the list of sums by which it is known again, then the names. */
static int keep_archive(const struct fetch_set *set, const char *folder, const char *path, struct err *e)
{
    struct keep keep[FETCH_MAX_FILES], sums;
    assert(set->n_files <= FETCH_MAX_FILES);
    TRY(keep_check_sum(path, set->archive_sha256, e));
    int code = tar_unpack(set, folder, path, keep, e);
    if (code == 0) {
        code = keep_begin(&sums, folder, SUMS_NAME, e);
        for (size_t i = 0; i < set->n_files && code == 0; i++) {
            struct text line = { 0 };
            text_add(&line, "%s  %s\n", keep[i].sha256, set->files[i].name);
            code = keep_write(&sums, line.s, line.n, e);
            text_free(&line);
        }
        if (code == 0)
            code = keep_sync(&sums, e);
        if (code == 0)
            code = keep_replace(&sums, e);
        keep_end(&sums);
    }
    for (size_t i = 0; i < set->n_files; i++) {
        if (code == 0)
            code = keep_rename(&keep[i], e);
        keep_end(&keep[i]);
    }
    return code;
}

static int keep_item(const struct item *it, const char *path, struct err *e)
{
    return it->file ? keep_file(it->file, it->options->folder, path, e)
                    : keep_archive(it->set, it->options->folder, path, e);
}

/* ---- sources ---- */

static bool is_http(const char *source)
{
    return strncasecmp(source, "http://", 7) == 0 || strncasecmp(source, "https://", 8) == 0;
}

/* file:///path, with %20 and the like, as a path; to be freed. NULL for another scheme or host. */
static char *local_path(const char *source)
{
    if (strncasecmp(source, "file://", 7) != 0)
        return strstr(source, "://") ? NULL : strdup(source);
    const char *path = strchr(source + 7, '/');
    const size_t host = path ? (size_t)(path - source - 7) : 0;
    if (!path || (host > 0 && (host != 9 || strncasecmp(source + 7, "localhost", 9) != 0)))
        return NULL;
    char *plain = curl_easy_unescape(NULL, path, 0, NULL), *copy = plain ? strdup(plain) : NULL;
    curl_free(plain);
    return copy;
}

static int from_folder(const struct item *it, const char *source, struct err *e)
{
    char *folder = local_path(source);
    struct stat st;
    if (!folder)
        return err_set(e, ERR_USAGE, "%s: neither http(s)://, file:// nor a folder", source);
    int code;
    if (!it->file && stat(folder, &st) == 0 && S_ISREG(st.st_mode)) {
        code = keep_item(it, folder, e);
    } else {
        char *path = keep_path(folder, it->file ? it->file->name : it->set->archive, it->file ? ".gz" : "");
        if (it->file && access(path, F_OK) != 0) {
            free(path);
            path = keep_path(folder, it->file->name, "");
        }
        code = keep_item(it, path, e);
        free(path);
    }
    free(folder);
    return code;
}

/* A second time from the beginning if the wrong bytes may come from an earlier transfer. */
static int from_http(const struct item *it, const char *source, struct err *e)
{
    const size_t n = strlen(source);
    const char *name = it->file ? it->file->name : it->set->archive, *gz = it->file ? ".gz" : "";
    /* gzip never makes data larger than 5 bytes in 65535, and its header and name (RFC 1951, 1952) */
    const uint64_t most = it->file ? it->file->size + it->file->size / 1000 + 65536 : it->set->archive_size;
    char *part = keep_path(it->options->folder, name, it->file ? ".gz.part" : ".part");
    struct text url = { 0 };
    text_add(&url, "%s%s%s%s", source, n > 0 && source[n - 1] == '/' ? "" : "/", name, gz);
    int code;
    for (bool again = true; again;) {
        struct err wrong = { 0 };
        bool resumed = false;
        int fd;
        again = false;
        say(it->options, "%s", url.s);
        code = download(url.s, part, most, it->options, &resumed, &fd, e);
        if (code == 0) {
            code = keep_item(it, part, &wrong);
            if (code == 0 || code == ERR_FORMAT)
                unlink(part); /* used, or of no use */
            again = code == ERR_FORMAT && resumed;
        } else if (code == ERR_FORMAT) {
            unlink(part);
        }
        if (fd >= 0 && close(fd) < 0 && code == 0) /* what was kept is complete: its sum was taken */
            code = err_set(e, ERR_IO, "%s: %s", part, strerror(errno));
        if (again)
            err_clear(&wrong);
        else if (wrong.code)
            err_move(e, &wrong);
    }
    text_free(&url);
    free(part);
    return code;
}

static int fetch_item(const struct item *it, struct err *e)
{
    struct err tried = { 0 };
    for (const char *const *s = it->options->sources; *s; s++) {
        struct err why = { 0 };
        const int code = is_http(*s) ? from_http(it, *s, &why) : from_folder(it, *s, &why);
        if (code == 0) {
            say(it->options, "%s/%s is checked and kept", it->options->folder,
                it->file ? it->file->name : it->set->archive_folder);
            err_clear(&tried);
            return 0;
        }
        err_note(&tried, nowhere, "%s", err_first(&why));
        err_clear(&why);
    }
    const int code =
        err_set(e, ERR_IO, "%s: no source has %s:", it->set->name, it->file ? it->file->name : it->set->archive);
    err_move(e, &tried);
    return code;
}

/* ---- what is there already ---- */

/* 1: there, and right; 0: not there. Another file of that name is an error: it is somebody's. */
static int is_there(const struct fetch_set *set, const struct fetch_file *file, const char *folder, struct err *e)
{
    char hex[65];
    char *path = keep_path(folder, file->name, "");
    int code = 0;
    if (access(path, F_OK) == 0) {
        code = hash_file_hex(path, hex, e);
        if (code == 0 && (file->sha256 ? strcmp(hex, file->sha256) == 0 : sums_list(path, file->name, hex)))
            code = 1;
        else if (code == 0 && file->sha256)
            code =
                err_set(e, ERR_IO, "%s is there, but is not the published file: SHA-256 %s; expected %s. Move it away",
                        path, hex, file->sha256);
        else if (code == 0)
            code = err_set(e, ERR_IO, "%s is there, but did not come out of %s: SHA-256 %s. Move it away", path,
                           set->archive, hex);
    }
    free(path);
    return code;
}

static int fetch_all(const struct fetch_set *set, const struct fetch_options *o, struct err *e)
{
    size_t n_there = 0;
    for (size_t i = 0; i < set->n_files; i++) {
        const int there = is_there(set, &set->files[i], o->folder, e);
        TRY(there);
        n_there += there == 1;
        if (there == 1)
            say(o, "%s/%s is there already", o->folder, set->files[i].name);
        else if (!set->archive)
            TRY(fetch_item(&(struct item){ .set = set, .file = &set->files[i], .options = o }, e));
    }
    if (!set->archive || n_there == set->n_files)
        return 0;
    return fetch_item(&(struct item){ .set = set, .options = o }, e);
}

int fetch(const struct fetch_set *set, const struct fetch_options *o, struct err *e)
{
    TRY(file_make_folders(o->folder, ERR_IO, e));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(e, ERR_INTERNAL, "libcurl cannot start");
    const int code = fetch_all(set, o, e);
    curl_global_cleanup();
    return code;
}
