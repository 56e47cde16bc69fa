/* The schema of a whole experiment file: the keys of a study around those of a trial. */
#include "spec/compose.h"
#include "spec/schema.h"
#include "spec/study.h"
#include <assert.h>
#include <string.h>

enum { MAX_REGISTRIES = 64 };
struct registries {
    size_t n;
    const struct registry *items[MAX_REGISTRIES];
    bool in_list[MAX_REGISTRIES]; /* elements of lists need a definition of their own */
};

static void add_registry(struct registries *all, const struct registry *r, bool in_list)
{
    size_t i = 0;
    while (i < all->n && strcmp(all->items[i]->kind, r->kind) != 0)
        i++;
    assert(i < MAX_REGISTRIES);
    assert(i == all->n || all->items[i] == r); /* a kind names one registry */
    all->items[i] = r;
    all->in_list[i] = (i < all->n && all->in_list[i]) || in_list;
    all->n += i == all->n;
}

static void find_registries(struct registries *all, const struct option *table)
{
    for (const struct option *o = table; o && o->type != OPT_END; o++) {
        if (o->type == OPT_MAP)
            find_registries(all, o->table); /* tables nest as deep as the program writes them */
        else if ((o->type == OPT_PART || o->type == OPT_PARTS) && o->registry->n_parts > 0) /* else a kind alone */
            add_registry(all, o->registry, o->type == OPT_PARTS);
    }
}

/* Keys of the study. "file" is the definition of what may stand in a file: a profile is one as well. */
static const char study_properties[] =
    "\"version\":{\"const\":1,\"description\":\"version of this format\"},"
    "\"experiment\":{\"type\":\"string\",\"pattern\":\"^[a-z0-9_]{1,100}$\",\"description\":\"name of the study in the "
    "database\"},"
    "\"title\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"],\"description\":\"one line for people\"},"
    "\"description\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"],\"description\":\"more than one line for "
    "people\"},"
    "\"source\":{\"type\":[\"object\",\"null\"],\"properties\":{\"paper\":{\"type\":[\"string\",\"number\",\"boolean\","
    "\"null\"]},"
    "\"locator\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}},"
    "\"additionalProperties\":false,\"description\":\"what the study reproduces\"},"
    "\"extends\":{\"type\":[\"string\",\"null\"],\"pattern\":\"^(?!/)(?!(.*/)?\\\\.\\\\.(/|$))\",\"description\":\"a "
    "file, beside this one or below, that this one is "
    "laid over\"},"
    "\"seeds\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000},"
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":9e15},\"minItems\":1,"
    "\"uniqueItems\":true},"
    "{\"type\":\"object\",\"properties\":{\"from\":{\"type\":\"integer\",\"minimum\":0},\"count\":{\"type\":"
    "\"integer\",\"minimum\":1,"
    "\"maximum\":1000000}},\"additionalProperties\":false},{\"$ref\":\"#/definitions/reference\"}],"
    "\"description\":\"3 means 1, 2, 3; or a list; or {from: 0, count: 10}\"},"
    "\"variants\":{\"type\":[\"object\",\"null\"],\"propertyNames\":{\"pattern\":\"^[A-Za-z0-9_-]+($|\\\\.)\"},"
    "\"additionalProperties\":{\"anyOf\":[{\"$ref\":\"#/definitions/trial\"},{\"type\":\"null\"}]},"
    "\"patternProperties\":{\"\\\\x2e\":{}},"
    "\"description\":\"named alternatives, each a partial file laid over the base\"},"
    "\"sweep\":{\"anyOf\":[{\"type\":\"object\",\"properties\":{"
    "\"grid\":{\"allOf\":[{\"$ref\":\"#/definitions/grid\"},{\"propertyNames\":{\"$ref\":\"#/definitions/swept\"}}]},"
    "\"zip\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"allOf\":[{\"$ref\":\"#/definitions/group\"},"
    "{\"propertyNames\":{\"$ref\":\"#/definitions/swept\"}}]}},"
    "\"random\":{\"type\":[\"object\",\"null\"],\"properties\":{\"samples\":{\"type\":\"integer\",\"minimum\":1,"
    "\"maximum\":1000000000},\"seed\":{\"type\":\"integer\",\"minimum\":0},"
    "\"parameters\":{\"allOf\":[{\"$ref\":\"#/definitions/distributions\"},"
    "{\"propertyNames\":{\"$ref\":\"#/definitions/swept\"}}]}},"
    "\"additionalProperties\":false},\"exclude\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"object\","
    "\"minProperties\":1}}},"
    "\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false},{\"type\":\"null\"}],"
    "\"description\":\"values of dotted keys: every combination is a cell\"},"
    "\"tune\":{\"type\":[\"object\",\"null\"],\"properties\":{\"metric\":{\"type\":\"string\",\"description\":\"what "
    "the cells are compared by; not one of the test "
    "set\"},\"goal\":{\"enum\":[\"min\",\"max\",null],\"description\":\"which end "
    "of it is "
    "best\"},\"over\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"},\"minItems\":1,\"description\":"
    "\"the swept keys that are chosen; all without it\"},\"retrain\":{\"type\":\"object\",\"properties\":{\"seeds\":{"
    "\"anyOf\":[{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000000},{\"type\":\"array\",\"items\":{\"type\":"
    "\"integer\","
    "\"minimum\":0,\"maximum\":9e15},\"minItems\":1,\"uniqueItems\":true},{\"type\":\"object\"},"
    "{\"$ref\":\"#/definitions/reference\"}]}},\"required\":[\"seeds\"],\"additionalProperties\":false,\"description\":"
    "\"fresh seeds to train the chosen cell "
    "with\"}},\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false,"
    "\"description\":\"how a cell of the sweep is chosen\"},"
    "\"profiles\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"anyOf\":[{\"allOf\":[{\"$ref\":"
    "\"#/definitions/file\"}],\"properties\":{\"extends\":false,\"profiles\":false}},{\"type\":\"null\"}]},"
    "\"patternProperties\":{\"\\\\x2e\":{}},"
    "\"description\":\"partial files laid over the whole with --profile NAME\"},"
    "\"claims\":{\"type\":[\"array\",\"object\",\"null\"],\"propertyNames\":{\"pattern\":\"^[0-9]+($|\\\\."
    ")\"},\"items\":{\"$ref\":\"#/definitions/claim\"},\"description\":\"what the source reports, and how"
    " it is measured\"},"
    "\"figures\":{\"type\":[\"array\",\"object\",\"null\"],\"propertyNames\":{\"pattern\":\"^[0-9]+($|\\\\.)\"},"
    "\"maxItems\":20,\"items\":{\"type\":\"object\",\"properties\":{"
    "\"kind\":{\"enum\":[\"curves\",\"bars\",\"layers\",\"heatmap\",\"winners\"],\"description\":\"curves against the "
    "step; bars: "
    "each trial's mean over steps, mean and sd over seeds; layers: a layer metric against the layer, at one step\"},"
    "\"metric\":{\"type\":[\"string\",\"null\"],\"description\":\"what is drawn\"},"
    "\"layer\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":1000000,\"description\":\"curves, bars: the "
    "layer of a "
    "layer metric; a panel for each without one\"},"
    "\"step\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"description\":\"layers: the step, the last one without "
    "it\"},"
    "\"rolling\":{\"type\":[\"integer\",\"null\"],\"minimum\":0,\"maximum\":10000,\"description\":\"curves: means over "
    "so many logged "
    "values\"},"
    "\"smooth\":{\"type\":[\"number\",\"null\"],\"minimum\":0,\"maximum\":0.9999,\"description\":\"curves: "
    "exponential means; the weight of each older value\"},"
    "\"band\":{\"enum\":[\"sd\",\"ci95\",\"quartiles\",\"minmax\",\"none\",null],\"description\":\"curves, layers: "
    "what "
    "surrounds a line, over the seeds\"},"
    "\"x\":{\"type\":[\"string\",\"null\"],\"description\":\"curves: step, epoch, samples, seconds, flops, or a swept "
    "key, against which last values are drawn; heatmap, winners: the key across\"},"
    "\"y\":{\"type\":[\"string\",\"null\"],\"description\":\"heatmap, winners: the swept key upwards\"},"
    "\"log_x\":{\"type\":[\"boolean\",\"null\"],\"description\":\"curves: logarithmic x axis\"},"
    "\"log\":{\"type\":[\"boolean\",\"null\"],\"description\":\"curves, layers: logarithmic y axis; heatmap: "
    "colours\"},"
    "\"variants\":{\"type\":[\"array\",\"null\"],\"items\":{\"type\":\"string\"},\"description\":\"only these\"},"
    "\"title\":{\"type\":[\"string\",\"number\",\"boolean\",\"null\"],\"description\":\"one line above the figure\"}},"
    "\"additionalProperties\":false},\"description\":\"what `tprun report` and `tprun plot` draw, in place of what "
    "fits "
    "the study\"},"
    "\"labels\":{\"type\":[\"object\",\"null\"],\"properties\":{\"variants\":{\"$ref\":\"#/definitions/labels\"},"
    "\"metrics\":{\"$ref\":\"#/definitions/labels\"},\"keys\":{\"type\":[\"object\",\"null\"],\"description\":\"of the "
    "sweep; their last words do\"}},\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false,"
    "\"description\":\"what figures call variants, swept keys and metrics\"},"
    "\"targets\":{\"type\":[\"array\",\"object\",\"null\"],\"propertyNames\":{\"pattern\":\"^[0-9]+($|\\\\.)\"},"
    "\"maxItems\":20,\"items\":{\"type\":\"object\",\"properties\":{\"metric\":{\"type\":\"string\",\"description\":"
    "\"what "
    "reaches it\"},\"value\":{\"type\":\"number\",\"description\":\"at least it, or at most, as the metric's better "
    "end "
    "is\"}},\"required\":[\"metric\",\"value\"],\"additionalProperties\":false},\"description\":\"values of metrics; "
    "view "
    "`targets` and `tprun compare --target` tell what reaching them took\"}";

/* A grid nests maps down to lists of values, so the names of the forms are kept out of the maps. The values of a key in
 * a zip's group may repeat, those of a grid may not. */
static const char sweep_definitions[] =
    "\"labels\":{\"type\":[\"object\",\"null\"],\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\"],"
    "\"minLength\":1,\"maxLength\":200}},"
    "\"reference\":{\"anyOf\":[{\"type\":\"null\"},{\"type\":\"string\",\"pattern\":\"\\\\$\\\\{\"}]},"
    "\"two\":{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"minItems\":2,\"maxItems\":2},"
    "\"integers\":{\"type\":\"array\",\"items\":{\"type\":\"integer\"},\"minItems\":2,\"maxItems\":2},"
    "\"range\":{\"type\":\"array\",\"items\":{\"type\":\"number\"},\"minItems\":3,\"maxItems\":3},"
    "\"spaced\":{\"type\":\"array\",\"items\":[{\"type\":\"number\"},{\"type\":\"number\"},"
    "{\"type\":\"integer\",\"minimum\":1}],\"minItems\":3,\"maxItems\":3},"
    "\"form\":{\"type\":\"object\",\"properties\":{\"range\":{\"$ref\":\"#/definitions/range\"},"
    "\"linspace\":{\"$ref\":\"#/definitions/spaced\"},\"geomspace\":{\"$ref\":\"#/definitions/spaced\"},"
    "\"logspace\":{\"$ref\":\"#/definitions/spaced\"}},\"minProperties\":1,\"maxProperties\":1,"
    "\"additionalProperties\":false},"
    "\"nested\":{\"not\":{\"enum\":[\"range\",\"linspace\",\"geomspace\",\"logspace\",\"uniform\",\"loguniform\","
    "\"choice\",\"randint\",\"lograndint\",\"quniform\",\"qloguniform\"]}},"
    "\"grid\":{\"type\":[\"object\",\"null\"],\"propertyNames\":{\"$ref\":\"#/definitions/nested\"},"
    "\"additionalProperties\":{\"anyOf\":[{\"type\":\"array\",\"minItems\":1,\"uniqueItems\":true},"
    "{\"$ref\":\"#/definitions/form\"},{\"$ref\":\"#/definitions/grid\"},{\"$ref\":\"#/definitions/reference\"}]}},"
    "\"group\":{\"type\":[\"object\",\"null\"],\"propertyNames\":{\"$ref\":\"#/definitions/nested\"},"
    "\"additionalProperties\":{\"anyOf\":[{\"type\":\"array\",\"minItems\":1},"
    "{\"$ref\":\"#/definitions/form\"},{\"$ref\":\"#/definitions/group\"},{\"$ref\":\"#/definitions/reference\"}]}},"
    "\"distribution\":{\"type\":\"object\",\"properties\":{\"uniform\":{\"$ref\":\"#/definitions/two\"},"
    "\"loguniform\":{\"allOf\":[{\"$ref\":\"#/definitions/two\"},{\"items\":{\"exclusiveMinimum\":0}}]},"
    "\"randint\":{\"$ref\":\"#/definitions/integers\"},"
    "\"lograndint\":{\"allOf\":[{\"$ref\":\"#/definitions/integers\"},{\"items\":{\"exclusiveMinimum\":0}}]},"
    "\"quniform\":{\"$ref\":\"#/definitions/range\"},"
    "\"qloguniform\":{\"allOf\":[{\"$ref\":\"#/definitions/range\"},{\"items\":{\"exclusiveMinimum\":0}}]},"
    "\"choice\":{\"type\":\"array\",\"minItems\":1}},\"minProperties\":1,\"maxProperties\":1,"
    "\"additionalProperties\":false},"
    "\"distributions\":{\"type\":[\"object\",\"null\"],\"propertyNames\":{\"$ref\":\"#/definitions/nested\"},"
    "\"additionalProperties\":{\"anyOf\":[{\"$ref\":\"#/definitions/distribution\"},"
    "{\"$ref\":\"#/definitions/distributions\"},{\"$ref\":\"#/definitions/reference\"}]}}";

static const char claim_definitions[] =
    "\"claim\":{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"text\":{\"type\":[\"st"
    "ring\",\"null\"]},\"profile\":{\"type\":[\"string\",\"null\"],\"description\":\"the profile whose ru"
    "ns it is about\"},\"min_seeds\":{\"type\":[\"integer\",\"null\"],\"minimum\":2,\"maximum\":1000000,\""
    "description\":\"seeds below which it stays undecided\"},\"reported\":{\"anyOf\":[{\"type\":[\"number"
    "\",\"null\"]},{\"type\":\"object\",\"properties\":{\"mean\":{\"type\":\"number\"},\"sd\":{\"type\":\""
    "number\",\"minimum\":0},\"n\":{\"type\":\"integer\",\"minimum\":2}},\"required\":[\"mean\",\"sd\",\""
    "n\"],\"additionalProperties\":false}],\"description\":\"what the source reports\"},\"tolerance\":{\""
    "type\":[\"number\",\"null\"],\"exclusiveMinimum\":0,\"description\":\"how far from it the true value"
    " may be\"},\"expect\":{\"anyOf\":[{\"type\":\"array\",\"items\":{\"type\":[\"number\",\"null\"]},\"m"
    "inItems\":2,\"maxItems\":2},{\"type\":[\"number\",\"null\"]}],\"description\":\"[low, high], or one "
    "number with a tolerance\"},\"measure\":{\"type\":\"string\",\"description\":\"one SELECT that gives "
    "(value), or (value, seed) for each seed\"},\"value\":{\"type\":\"object\",\"properties\":{\"variant\""
    ":{\"type\":\"string\"},\"metric\":{\"type\":\"string\"},\"at\":{\"$ref\":\"#/definitions/claim_at\"}"
    ",\"cell\":{\"type\":[\"string\",\"null\"]},\"layer\":{\"type\":[\"integer\",\"null\"],\"minimum\":0}"
    ",\"as\":{\"enum\":[\"value\",\"error\"]}},\"required\":[\"variant\",\"metric\"],\"additionalProperti"
    "es\":false,\"description\":\"a metric of one variant, mean over its seeds\"},\"compare\":{\"type\":\""
    "object\",\"properties\":{\"better\":{\"$ref\":\"#/definitions/claim_variants\"},\"than\":{\"$ref\":\""
    "#/definitions/claim_variants\"},\"metric\":{\"type\":\"string\"},\"at\":{\"$ref\":\"#/definitions/cl"
    "aim_at\"},\"cell\":{\"type\":[\"string\",\"null\"]},\"layer\":{\"type\":[\"integer\",\"null\"],\"min"
    "imum\":0},\"margin\":{\"type\":[\"number\",\"null\"]}},\"required\":[\"better\",\"than\",\"metric\"]"
    ",\"additionalProperties\":false,\"description\":\"variants against others, paired by seed\"}},\"requ"
    "ired\":[\"id\"],\"oneOf\":[{\"required\":[\"measure\"]},{\"required\":[\"value\"]},{\"required\":[\""
    "compare\"]}],\"additionalProperties\":false},\"claim_variants\":{\"anyOf\":[{\"type\":\"string\"},{\""
    "type\":\"array\",\"items\":{\"type\":\"string\"},\"minItems\":1}]},\"claim_at\":{\"anyOf\":[{\"enum\""
    ":[\"last\",\"best\",\"selected\",null]},{\"type\":\"object\",\"properties\":{\"step\":{\"type\":\"in"
    "teger\",\"minimum\":0}},\"required\":[\"step\"],\"additionalProperties\":false},{\"type\":\"object\""
    ",\"properties\":{\"from\":{\"type\":\"integer\",\"minimum\":0}},\"required\":[\"from\"],\"additional"
    "Properties\":false}]}";

/* The first name of a swept key is one of a trial's. */
static void put_swept(const struct option *trial_options, struct text *out)
{
    bool first = true;
    text_puts(out, ",\"swept\":{\"pattern\":\"^(");
    for (const struct option *o = trial_options; o->type != OPT_END; o++)
        if (!compose_gives_key(o->name)) {
            text_add(out, "%s%s", first ? "" : "|", o->name);
            first = false;
        }
    text_puts(out, ")($|\\\\.)\"}");
}

/* Breaks JSON into lines, two blanks per level: the schema is read by people, too, and its changes are looked at in a
 * diff. */
static void put_lines(const char *json, struct text *out)
{
    int level = 0;
    bool in_string = false;
    for (const char *s = json; *s; s++) {
        if (in_string) {
            text_putc(out, *s);
            in_string = *s != '"';
            if (*s == '\\') /* an escaped quote does not end it */
                text_putc(out, *++s);
            continue;
        }
        const bool empty = (*s == '{' && s[1] == '}') || (*s == '[' && s[1] == ']');
        if (*s == '}' || *s == ']')
            text_add(out, "\n%*s", 2 * --level, "");
        text_putc(out, *s);
        if (empty)
            text_putc(out, *++s);
        else if (*s == '{' || *s == '[')
            text_add(out, "\n%*s", 2 * ++level, "");
        else if (*s == ',')
            text_add(out, "\n%*s", 2 * level, "");
        else if (*s == ':')
            text_putc(out, ' ');
        in_string = *s == '"';
    }
    text_putc(out, '\n');
}

static void put_registry(struct schema *s, const struct registry *r, bool element)
{
    text_puts(s->out, ",\"");
    schema_definition_name(s, r, element);
    text_puts(s->out, "\":");
    if (element)
        schema_element(s, r);
    else
        schema_registry(s, r);
}

void study_schema(const struct option *trial_options, struct text *out)
{
    static const char *const from_study[] = { "experiment", "variant", "seed", NULL };
    struct text json = { 0 };
    struct schema s = { .out = &json, .partial = true };
    struct registries all = { 0 };
    find_registries(&all, trial_options);
    for (size_t i = 0; i < all.n; i++) /* grows while it is walked: options of parts name registries, too */
        for (size_t j = 0; j < all.items[i]->n_parts; j++)
            find_registries(&all, all.items[i]->parts[j]->options);

    text_puts(
        &json,
        "{\"$schema\":\"http://json-schema.org/draft-07/schema#\",\"title\":\"tprun experiment\",\"type\":\"object\","
        "\"allOf\":[{\"$ref\":\"#/definitions/file\"}],"
        "\"anyOf\":[{\"required\":[\"version\",\"experiment\"]},{\"required\":[\"extends\"]}],\"definitions\":{");
    text_puts(&json, sweep_definitions);
    text_putc(&json, ',');
    text_puts(&json, claim_definitions);
    put_swept(trial_options, &json);
    text_puts(&json, ",\"trial\":{\"type\":\"object\",");
    schema_properties(&s, trial_options, from_study, NULL);
    text_puts(&json, ",\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false}");
    text_puts(&json, ",\"file\":{\"type\":\"object\",");
    schema_properties(&s, trial_options, from_study, NULL);
    json.n--; /* into the same "properties" */
    text_putc(&json, ',');
    text_puts(&json, study_properties);
    text_puts(&json, "},\"patternProperties\":{\"\\\\x2e|^x-\":{}},\"additionalProperties\":false}");
    for (size_t i = 0; i < all.n; i++) {
        put_registry(&s, all.items[i], false);
        if (all.in_list[i])
            put_registry(&s, all.items[i], true);
    }
    text_puts(&json, "}}");
    put_lines(json.s, out);
    text_free(&json);
}
