/* The schema of a whole experiment file: the keys of a study around those of a trial. What no table of options says
 * stands in two files that are built in: study_properties.json has the keys of a study, study_definitions.json the
 * values of a sweep and claims. There a grid nests maps down to lists of values, so that the names of the forms are
 * kept out of the maps, and the values of a key in a zip's group may repeat, those of a grid may not. */
#include "spec/compose.h"
#include "spec/figures.h"
#include "spec/schema.h"
#include "spec/study.h"
#include "spec/targets.h"
#include "study_schema_json.h"
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

/* The members of a JSON object, without the braces around them. */
static void put_members(const char *json, struct text *out)
{
    const char *first = strchr(json, '{') + 1;
    text_put(out, first, (size_t)(strrchr(json, '}') - first));
}

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
        if (*s == ' ' || *s == '\n')
            continue;
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
    put_members(study_definitions_json, &json);
    text_puts(&json, ",\"study_figure\":");
    schema_item(&s, figure_options);
    text_puts(&json, ",\"study_target\":");
    schema_item(&s, target_options);
    put_swept(trial_options, &json);
    text_puts(&json, ",\"trial\":{\"type\":\"object\",");
    schema_properties(&s, trial_options, from_study, NULL);
    text_puts(&json, ",\"patternProperties\":{\"\\\\x2e\":{}},\"additionalProperties\":false}");
    text_puts(&json, ",\"file\":{\"type\":\"object\",");
    schema_properties(&s, trial_options, from_study, NULL);
    json.n--; /* into the same "properties" */
    text_putc(&json, ',');
    put_members(study_properties_json, &json);
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
