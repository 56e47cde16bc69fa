#include "cli/cli.h"

#include "base/clean.h"
#include "base/terminal.h"
#include "data/image_set.h"
#include "data/locate.h"
#include "fetch/fetch.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct fetch_choice {
    const char *from, *to;
};
static const struct cli_option options[] = {
    { "from", 0, CLI_TEXT, "SOURCE", offsetof(struct fetch_choice, from),
      .help = "a folder, file:// or http(s):// address instead of the mirrors" },
    { "to", 0, CLI_TEXT, "FOLDER", offsetof(struct fetch_choice, to), .help = "where the files are kept" },
    { 0 },
};

enum { STALL_SECONDS = 60 };

static void say(const char *text)
{
    clean_print_line(stderr, "tprun: %s", text);
}

static void progress(const char *name, uint64_t done, uint64_t total)
{
    fprintf(stderr, "\r%s: %.1f", name, (double)done / 1e6);
    if (total)
        fprintf(stderr, " of %.1f", (double)total / 1e6);
    fputs(" MB\033[K\r", stderr);
}

static const struct image_set *find_set(const char *name, struct err *e)
{
    const char *names[16];
    size_t n = 0;
    for (; image_sets[n] && n < 16; n++) {
        names[n] = image_sets[n]->name;
        if (strcmp(name, names[n]) == 0)
            return image_sets[n];
    }
    const char *near = err_nearest(name, names, n);
    err_set(e, ERR_USAGE, "no data set '%s'%s%s%s; there are mnist, fashion_mnist and cifar10", name,
            near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    return NULL;
}

/* Where the set will be found again: see data/locate.h. */
static const char *destination(const char *to, const struct image_set *set, struct arena *a)
{
    const char *data = getenv("TPRUN_DATA");
    if (to)
        return to;
    if (data && *data)
        return arena_printf(a, "%s/%s", data, set->folders[0]);
    const char *home = locate_home("XDG_DATA_HOME", ".local/share", a);
    return home ? arena_printf(a, "%s/tprun/%s", home, set->folders[0]) : NULL;
}

static int fetch_named(const struct cli *c, const struct fetch_choice *choice, const char *name, struct arena *a,
                       struct err *e)
{
    const struct image_set *set = find_set(name, e);
    if (!set)
        return e->code;
    struct fetch_file files[IMAGE_MAX_FILES];
    for (size_t i = 0; i < set->n_files; i++)
        files[i] = (struct fetch_file){ .name = set->files[i].name,
                                        .size = set->files[i].size,
                                        .sha256 = set->files[i].sha256 };
    const struct fetch_set wanted = { .name = set->name,
                                      .n_files = set->n_files,
                                      .files = files,
                                      .archive = set->archive,
                                      .archive_folder = set->archive_folder,
                                      .archive_sha256 = set->archive_sha256,
                                      .archive_size = set->archive_size };
    const char *const from[] = { choice->from, NULL };
    const struct fetch_options o = { .folder = destination(choice->to, set, a),
                                     .sources = choice->from ? from : fetch_mirrors(set->name),
                                     .stall_seconds = STALL_SECONDS,
                                     .say = c->quiet ? NULL : say,
                                     .progress = !c->quiet && terminal_is_live(STDERR_FILENO) ? progress : NULL };
    if (!o.folder)
        return err_set(e, ERR_USAGE, "nowhere to keep the files: set TPRUN_DATA or HOME, or give --to FOLDER");
    return fetch(&wanted, &o, e);
}

static int run(const struct cli *c, const void *own)
{
    const struct fetch_choice *o = own;
    struct err e = { 0 };
    struct arena a;
    arena_init(&a, 0);
    int code = 0;
    for (size_t i = 0; i < c->arguments.n && code == 0; i++)
        code = fetch_named(c, o, c->arguments.items[i], &a, &e);
    const int status = cli_fail(c, code, &e);
    arena_finish(&a);
    return status;
}

const struct command command_fetch = {
    .name = "fetch",
    .arguments = "mnist|fashion_mnist|cifar10...",
    .summary = "Download data sets, and check every byte of them",
    .help = "The files go to $TPRUN_DATA/NAME if that variable is set, else to $XDG_DATA_HOME/tprun/NAME\n"
            "(~/.local/share/tprun/NAME), where experiments find them. A file gets its name when its\n"
            "SHA-256 is the published one; files that are there are not replaced. Called again after\n"
            "an interruption, it resumes.\n",
    .own = options,
    .own_size = sizeof(struct fetch_choice),
    .min_arguments = 1,
    .max_arguments = SIZE_MAX,
    .run = run,
};
