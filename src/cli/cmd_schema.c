#include "cli/cli.h"

static int run(const struct cli *c, const void *own)
{
    (void)own;
    (void)c;
    struct text schema = { 0 };
    study_schema(config_options, &schema);
    printf("%s%s", schema.s, schema.n && schema.s[schema.n - 1] == '\n' ? "" : "\n");
    text_free(&schema);
    return 0;
}

const struct command command_schema = {
    .name = "schema",
    .arguments = "",
    .summary = "Print the JSON schema of experiment files, for editors",
    .help = "Written from the same tables that check a file: tprun schema > experiment.schema.json\n",
    .run = run,
};
