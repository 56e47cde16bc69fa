#include "fetch/download.h"

#include "base/file.h"
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECT_SECONDS = 30, MOST_REDIRECTS = 5, FRUITLESS_TRIES = 3, RANGE_NOT_SATISFIABLE = 416 };

struct transfer {
    int fd;
    const char *part;
    const struct fetch_options *options;
    uint64_t have, most; /* bytes in the file, and allowed */
    bool too_long;
    struct err *e;
};

static size_t on_bytes(char *bytes, size_t size, size_t n, void *self)
{
    struct transfer *t = self;
    n *= size;                   /* size is always 1 */
    if (n > t->most - t->have) { /* also when no length was announced */
        t->too_long = true;
        return 0;
    }
    if (file_write(t->fd, bytes, n, t->part, t->e) < 0)
        return 0;
    t->have += n;
    return n;
}

static int on_progress(void *self, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up_now)
{
    (void)up_total, (void)up_now;
    const struct transfer *t = self;
    const uint64_t before = t->have > (uint64_t)now ? t->have - (uint64_t)now : 0;
    const char *slash = strrchr(t->part, '/');
    if (t->options->progress)
        t->options->progress(slash ? slash + 1 : t->part, t->have, total > 0 ? before + (uint64_t)total : 0);
    return 0;
}

/* Whether every option was understood. Nothing but http and https, wherever a server sends us. */
static bool set_up(CURL *c, const char *url, struct transfer *t, char *message)
{
#if LIBCURL_VERSION_NUM >= 0x075500
    bool good = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
                curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
    bool good = curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK &&
                curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
#define SET(option, value) good = curl_easy_setopt(c, option, value) == CURLE_OK && good
    SET(CURLOPT_URL, url);
    SET(CURLOPT_USERAGENT, "tprun");
    SET(CURLOPT_ERRORBUFFER, message);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_FAILONERROR, 1L);
    SET(CURLOPT_FOLLOWLOCATION, 1L);
    SET(CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)t->options->stall_seconds);
    SET(CURLOPT_WRITEFUNCTION, on_bytes);
    SET(CURLOPT_WRITEDATA, t);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, t);
    SET(CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->have);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)t->most); /* announced; on_bytes counts what really comes */
#undef SET
    return good;
}

static int empty(struct transfer *t, struct err *e)
{
    t->have = 0;
    if (ftruncate(t->fd, 0) < 0 || lseek(t->fd, 0, SEEK_SET) < 0)
        return err_set(e, ERR_IO, "%s: %s", t->part, strerror(errno));
    return 0;
}

/* 0: the server has sent everything. 1: try again. */
static int judge(CURLcode code, long status, const char *url, const char *message, struct transfer *t, bool *resumed,
                 struct err *e)
{
    const char *why = *message ? message : curl_easy_strerror(code);
    if (t->e->code) /* the file could not be written */
        return t->e->code;
    if (code == CURLE_FILESIZE_EXCEEDED || t->too_long)
        return err_set(e, ERR_FORMAT, "%s: sends more than the %" PRIu64 " bytes that it can be", url, t->most);
    if (code == CURLE_HTTP_RETURNED_ERROR && status == RANGE_NOT_SATISFIABLE && t->have > 0)
        return 0; /* nothing is left to send: its sum tells */
    if (code == CURLE_RANGE_ERROR && t->have > 0) {
        *resumed = false;
        TRY(empty(t, e)); /* a server that cannot resume */
        return 1;
    }
    switch (code) {
    case CURLE_OK:
        return 0;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
        return 1;
    default:
        return err_set(e, ERR_IO, "%s: %s", url, why);
    }
}

static int transfer(CURL *c, const char *url, struct transfer *t, bool *resumed, struct err *e)
{
    char message[CURL_ERROR_SIZE] = "";
    for (int fruitless = 0; fruitless < FRUITLESS_TRIES;) {
        const uint64_t before = t->have;
        long status = 0;
        if (!set_up(c, url, t, message))
            return err_set(e, ERR_INTERNAL, "libcurl does not know an option that it should");
        const CURLcode code = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
        const int judged = judge(code, status, url, message, t, resumed, e);
        if (judged <= 0)
            return judged;
        fruitless = t->have > before ? 0 : fruitless + 1;
    }
    return err_set(e, ERR_IO, "%s: %s; %" PRIu64 " bytes are kept, and resumed from by the next call", url,
                   *message ? message : "cut off", t->have);
}

/* Opens the file for this process alone. One that another process used up and removed meanwhile is made anew. */
static int open_part(struct transfer *t, struct err *e)
{
    struct stat st, named;
    for (;;) {
        t->fd = open(t->part, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
        if (t->fd < 0)
            return err_set(e, ERR_IO, "%s: %s", t->part, strerror(errno));
        if (flock(t->fd, LOCK_EX | LOCK_NB) < 0)
            return err_set(e, ERR_IO, "%s: %s", t->part,
                           errno == EWOULDBLOCK ? "another `tprun fetch` is at it" : strerror(errno));
        if (fstat(t->fd, &st) < 0 || !S_ISREG(st.st_mode))
            return err_set(e, ERR_IO, "%s: is not a regular file", t->part);
        if (stat(t->part, &named) == 0 && named.st_dev == st.st_dev && named.st_ino == st.st_ino)
            break;
        close(t->fd); /* nothing was written */
    }
    t->have = (uint64_t)st.st_size;
    return t->have > t->most ? empty(t, e) : 0;
}

int download(const char *url, const char *part, uint64_t most, const struct fetch_options *o, bool *resumed, int *fd,
             struct err *e)
{
    struct transfer t = { .part = part, .options = o, .most = most, .e = e };
    int code = open_part(&t, e);
    *resumed = t.have > 0;
    if (code == 0 && t.have < most) {
        CURL *c = curl_easy_init();
        code = c ? transfer(c, url, &t, resumed, e) : err_set(e, ERR_MEMORY, "libcurl cannot start");
        curl_easy_cleanup(c);
    }
    *fd = t.fd;
    return code;
}
