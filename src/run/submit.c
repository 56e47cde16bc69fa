#include "run/submit.h"

#include "base/new_file.h"
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { MAX_ARRAY_SIZE = 1001 }; /* Slurm's default */

static void submit_quote(struct text *t, const char *word)
{
    text_putc(t, '\'');
    for (; *word; word++)
        text_puts(t, *word == '\'' ? "'\\''" : (char[]){ *word, 0 });
    text_putc(t, '\'');
}

static void put_option(struct text *t, const char *name, const char *value)
{
    if (value)
        text_add(t, "#SBATCH --%s=%s\n", name, value);
}

static void put_head(struct text *t, const struct submission *s, const char *what)
{
    text_add(t, "#!/bin/sh\n# %s of %s, written by `tprun submit`. It can be started from its beginning at any time.\n",
             what, s->name);
    text_add(t, "#SBATCH --job-name=%s\n", s->name);
    put_option(t, "partition", s->partition);
    put_option(t, "account", s->account);
    put_option(t, "time", s->time);
    put_option(t, "mem", s->mem);
}

void submit_array_script(struct text *t, const struct submission *s)
{
    put_head(t, s, "The shards");
    text_add(t, "#SBATCH --cpus-per-task=%lld\n", (long long)s->cpus);
    text_add(t, "#SBATCH --output=\"%s/%%A_%%a.log\"\n", s->folder);
    text_puts(t, "#SBATCH --open-mode=append\n"
                 "#SBATCH --requeue\n"
                 "#SBATCH --signal=B:USR1@60\n\n"
                 "shard=$((${TPRUN_FIRST:-0} + SLURM_ARRAY_TASK_ID))\n"
                 "again=\n"
                 "# 60 s before its time is up: stop at a checkpoint, and be queued again. To be cancelled: stop.\n"
                 "trap 'again=yes; kill -USR1 \"$worker\"' USR1\n"
                 "trap 'kill -TERM \"$worker\"' TERM\n\n");
    submit_quote(t, s->program);
    text_puts(t, " work");
    for (size_t i = 0; i < s->n_arguments; i++) {
        text_puts(t, " ");
        submit_quote(t, s->arguments[i]);
    }
    text_add(t, " \\\n    --no-progress --shard \"$shard/%zu\" --db ", s->shards);
    submit_quote(t, s->folder);
    text_puts(t, "/\"$shard.db\" &\n"
                 "worker=$!\n"
                 "wait \"$worker\"\n"
                 "status=$?\n"
                 "while kill -0 \"$worker\" 2>/dev/null; do # a signal ended the waiting, not the worker\n"
                 "    wait \"$worker\"\n"
                 "    status=$?\n"
                 "done\n"
                 "if [ -n \"$again\" ] && [ \"$status\" = 75 ]; then\n"
                 "    scontrol requeue \"${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID\" && sleep 60\n"
                 "fi\n"
                 "exit \"$status\"\n");
}

void submit_merge_script(struct text *t, const struct submission *s)
{
    put_head(t, s, "The merging");
    text_add(t, "#SBATCH --output=\"%s/merge.log\"\n#SBATCH --open-mode=append\n#SBATCH --requeue\n\nexec ", s->folder);
    submit_quote(t, s->program);
    text_puts(t, " merge -o ");
    submit_quote(t, s->db);
    text_puts(t, " ");
    submit_quote(t, s->folder);
    text_puts(t, "\n");
}

/* ---- Slurm ---- */

/* What a command prints, of its error output too if it fails. Returns its exit status, or -1. */
static int ask(const char *command, struct text *out)
{
    char chunk[1024];
    text_puts(out, "");
    FILE *f = popen(command, "re");
    if (!f)
        return -1;
    for (size_t n; (n = fread(chunk, 1, sizeof chunk, f)) > 0;)
        text_put(out, chunk, n);
    const int status = pclose(f);
    return status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static size_t max_array_size(void)
{
    struct text out = { 0 };
    long long n = 0;
    const int status = ask("scontrol show config 2>/dev/null", &out);
    const char *line = status == 0 ? strstr(out.s, "MaxArraySize") : NULL;
    if (!line || sscanf(line, "MaxArraySize = %lld", &n) != 1 || n < 1)
        n = MAX_ARRAY_SIZE;
    text_free(&out);
    return (size_t)n;
}

/* Runs sbatch; adds the id of the job to ids. */
static int submit(const char *options, const char *script, struct text *ids, struct err *e)
{
    struct text command = { 0 }, out = { 0 };
    text_add(&command, "sbatch --parsable %s ", options);
    submit_quote(&command, script);
    text_puts(&command, " 2>&1");
    const int status = ask(command.s, &out);
    const size_t n = strspn(out.s, "0123456789");
    int code = 0;
    if (status == 127)
        code = err_set(e, ERR_USAGE, "there is no sbatch here: submit on a machine of a Slurm cluster, or see --print");
    else if (status != 0 || n == 0) {
        while (out.n && isspace((unsigned char)out.s[out.n - 1]))
            out.s[--out.n] = 0;
        for (size_t i = 0; i < out.n; i++) /* a message is one line */
            out.s[i] = out.s[i] == '\n' ? ' ' : out.s[i];
        code = err_set(e, ERR_USAGE, "sbatch refused %s: %s", script, out.n ? out.s : "it printed nothing");
    } else {
        text_puts(ids, ids->n ? " " : "");
        text_put(ids, out.s, n);
    }
    text_free(&command);
    text_free(&out);
    return code;
}

static int write_script(const struct submission *s, const char *name, const struct text *script, struct text *path,
                        struct err *e)
{
    struct new_file f;
    text_add(path, "%s/%s", s->folder, name);
    int code = new_file_begin(&f, path->s, e);
    if (code == 0)
        code = new_file_write(&f, script->s, script->n, e);
    if (code == 0)
        code = new_file_replace(&f, e);
    new_file_end(&f);
    return code;
}

static int submit_arrays(const struct submission *s, const char *script, struct text *ids, struct err *e)
{
    const size_t most = max_array_size();
    for (size_t first = 0; first < s->shards; first += most) {
        char options[128], limit[32] = "";
        const size_t n = s->shards - first < most ? s->shards - first : most;
        if (s->at_once)
            snprintf(limit, sizeof limit, "%%%zu", s->at_once);
        snprintf(options, sizeof options, "--export=ALL,TPRUN_FIRST=%zu --array=0-%zu%s", first, n - 1, limit);
        TRY(submit(options, script, ids, e));
    }
    return 0;
}

static int submit_merge(const char *script, const struct text *array, struct text *ids, struct err *e)
{
    struct text options = { 0 };
    text_puts(&options, "--dependency=afterany");
    for (const char *p = array->s; *p; p += strcspn(p, " ")) {
        p += strspn(p, " ");
        text_puts(&options, ":");
        text_put(&options, p, strcspn(p, " "));
    }
    const int code = submit(options.s, script, ids, e);
    text_free(&options);
    return code;
}

int submit_jobs(const struct submission *s, struct text *array, struct text *merge, struct err *e)
{
    struct text script = { 0 }, tasks = { 0 }, merging = { 0 };
    submit_array_script(&script, s);
    int code = write_script(s, "shards.sbatch", &script, &tasks, e);
    text_clear(&script);
    submit_merge_script(&script, s);
    if (code == 0)
        code = write_script(s, "merge.sbatch", &script, &merging, e);
    if (code == 0)
        code = submit_arrays(s, tasks.s, array, e);
    if (code == 0)
        code = submit_merge(merging.s, array, merge, e);
    text_free(&script);
    text_free(&tasks);
    text_free(&merging);
    return code;
}
