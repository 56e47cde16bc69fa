/* tprun: declarative experiments on target propagation. Picks the command; each is one file cmd_*.c. */
#include "cli/cli.h"
#include "cli/fold.h"

#include "base/clean.h"
#include "base/killpoint.h"
#include "base/terminal.h"
#include "serve/reader.h"
#include "store/bounded.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define ENTRY(name) &command_##name,
const struct command *const commands[] = { COMMANDS(ENTRY) NULL };

static const struct command *find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

/* `tprun FILE` is `tprun run FILE`: an argument with a dot, a slash or an equals sign, or one that exists. */
static bool is_spec(const char *argument)
{
    return strpbrk(argument, "./=") || access(argument, F_OK) == 0;
}

static int unknown_command(const char *name)
{
    const char *names[64];
    size_t n = 0;
    for (; commands[n]; n++)
        names[n] = commands[n]->name;
    const char *near = err_nearest(name, names, n);
    clean_print_line(stderr, "tprun: no command '%s'%s%s%s; see tprun --help", name, near ? "; did you mean '" : "",
                     near ? near : "", near ? "'?" : "");
    return err_exit_status(ERR_USAGE);
}

/* A closed standard descriptor would be given to the database, and a message to the user would then land in it. */
static void open_standard_descriptors(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
            (void)open("/dev/null", fd == STDIN_FILENO ? O_RDONLY : O_WRONLY); /* takes the lowest free number: fd */
}

/* Results that could not be written must not look like success. */
static int close_output(int status)
{
    const bool failed = fflush(stdout) != 0 || ferror(stdout), left = failed && terminal_reader_left(STDOUT_FILENO);
    const int reason = errno;
    if ((fclose(stdout) != 0 || failed) && !left && status == 0) {
        errno = failed ? reason : errno;
        fprintf(stderr, "tprun: cannot write the results: %s\n", strerror(errno));
        return 1;
    }
    return status;
}

/* On a terminal no line is wider than it: of help (c: NULL), and of commands that print tables, where one is asked
 * for. */
static void fold_text(const struct cli *c)
{
    const int width = terminal_width(STDOUT_FILENO);
    bool tables = false;
    for (size_t i = 0; c && c->command->shared && c->command->shared[i]; i++)
        tables |= c->command->shared[i] == cli_formats;
    if (width > 0 && (!c || (tables && cli_format(c, FORMAT_TABLE) == FORMAT_TABLE)))
        fold_stdout(width);
}

int main(int argc, char **argv)
{
    open_standard_descriptors();
    if (bounded_is_reader(argc, argv))
        return close_output(bounded_read(argv));
    if (page_reader_is(argc, argv))
        return close_output(page_reader_run(argv));
    const char *first = argc > 1 ? argv[1] : "--help";
#ifdef TPRUN_KILL_POINTS
    if (!strcmp(first, "--fault-points")) {
        kill_points_print(stdout);
        return close_output(0);
    }
#endif
    if (!strcmp(first, "--version")) {
        puts(cli_build());
        return close_output(0);
    }
    if (!strcmp(first, "--help") || !strcmp(first, "-h") || (!strcmp(first, "help") && argc == 2)) {
        fold_text(NULL);
        cli_help(NULL);
        return close_output(argc > 1 ? 0 : err_exit_status(ERR_USAGE));
    }
    if (!strcmp(first, "help")) {
        if (!find(argv[2]))
            return unknown_command(argv[2]);
        fold_text(NULL);
        cli_help(find(argv[2]));
        return close_output(0);
    }
    const struct command *command = find(first);
    const bool named = command != NULL;
    if (!command && (first[0] == '-' || is_spec(first)))
        command = &command_run;
    if (!command)
        return unknown_command(first);
    struct cli c;
    void *own;
    struct err e = { 0 };
    int status;
    if (cli_parse(&c, command, argc - named, argv + named, &own, &e) < 0) {
        status = cli_fail(&c, e.code, &e);
    } else if (c.help) {
        fold_text(NULL);
        cli_help(command);
        status = 0;
    } else {
        fold_text(&c);
        status = command->run(&c, own);
    }
    cli_clear(&c, own);
    return close_output(status);
}
