#include "net/edge.h"

#include "net/chain.h"
#include <string.h>

static int no_memory(const struct chain *c, struct err *e)
{
    return err_set(e, ERR_MEMORY, "not enough memory for what %zu layers read", c->n_units);
}

/* One number of `from`. */
static int check_source(const struct chain *c, size_t i, const struct reals *from, size_t at, struct where where,
                        struct err *e)
{
    const double source = from->items[at];
    if (source == (double)i)
        return err_at(e, where, "network.layers.%zu.from: %zu is the layer itself; it reads earlier layers", i, i);
    if (source < 0 || source >= (double)c->n_units)
        return err_at(e, where, "network.layers.%zu.from: %.17g is no layer; the network has layers 0 to %zu", i,
                      source, c->n_units - 1);
    if (source > (double)i)
        return err_at(e, where, "network.layers.%zu.from: %.17g is a later layer; a layer reads earlier ones", i,
                      source);
    for (size_t j = 0; j < at; j++)
        if (from->items[j] == source)
            return err_at(e, where, "network.layers.%zu.from: %.17g is named twice", i, source);
    return 0;
}

static int check_sources(const struct chain *c, size_t i, const struct layer_beside *beside, struct where where,
                         struct err *e)
{
    const struct reals *from = &beside->from;
    if (i == 0)
        return err_at(e, where, "network.layers.0.from: the first layer reads the dataset");
    if (unit_is_recurrent(&c->units[0]))
        return err_at(e, where,
                      "network.layers.%zu.from: behind a recurrent layer ('%s') each layer reads the one below it", i,
                      c->units[0].def->part.name);
    if (from->n == 0)
        return err_at(e, where, "network.layers.%zu.from: names no layer; leave it out for the layer below", i);
    for (size_t j = 0; j < from->n; j++)
        TRY(check_source(c, i, from, j, where, e));
    return 0;
}

/* The shape that the sources have together. */
static int join_shapes(const struct chain *c, size_t i, const struct reads *r, struct where where, struct shape *in,
                       struct err *e)
{
    char one[64], other[64];
    const struct shape first = c->units[r->from[0]].out;
    *in = first;
    for (size_t j = 1; j < r->n; j++) {
        const struct shape s = c->units[r->from[j]].out;
        const bool same_places = s.height == first.height && s.width == first.width;
        if (r->join == JOIN_ADD && !(same_places && s.channels == first.channels))
            return err_at(e, where,
                          "network.layers.%zu.from: the outputs of network.layers.%zu (%s) and network.layers.%zu (%s) "
                          "do not add; join: concat puts them side by side",
                          i, r->from[0], layer_shape_text(first, one, sizeof one), r->from[j],
                          layer_shape_text(s, other, sizeof other));
        if (!same_places)
            return err_at(e, where,
                          "network.layers.%zu.join: 'concat' is along the channels, but the outputs of "
                          "network.layers.%zu (%s) and network.layers.%zu (%s) differ in height or width",
                          i, r->from[0], layer_shape_text(first, one, sizeof one), r->from[j],
                          layer_shape_text(s, other, sizeof other));
        if (r->join == JOIN_CONCAT) {
            in->channels += s.channels;
            in->n += s.n;
        }
    }
    return 0;
}

int edge_read(struct chain *c, size_t i, const struct layer_beside *beside, struct where where, struct shape *in,
              struct arena *a, struct err *e)
{
    struct reads *r = &c->reads[i];
    const bool named = beside && beside->from.items;
    *r = (struct reads){ .n = named ? beside->from.n : i > 0 ? 1 : 0, .join = beside ? beside->join : JOIN_ADD };
    if (named)
        TRY(check_sources(c, i, beside, where, e));
    if (r->n < 2 && r->join != JOIN_ADD)
        return err_at(e, where, "network.layers.%zu.join: is for several layers in `from`; here there %s", i,
                      i == 0 ? "is none" : "is one");
    r->from = arena_alloc(a, r->n ? r->n : 1, sizeof *r->from);
    r->edges = arena_alloc(a, r->n ? r->n : 1, sizeof *r->edges);
    if (!r->from || !r->edges)
        return no_memory(c, e);
    for (size_t j = 0; j < r->n; j++)
        r->from[j] = named ? (size_t)beside->from.items[j] : i - 1;
    if (!c->branching && r->n > 0 && (r->n > 1 || r->from[0] + 1 != i))
        c->branching = &c->units[i];
    return i > 0 ? join_shapes(c, i, r, where, in, e) : 0;
}

/* The edge from unit u to unit i, if i reads it. */
static void list_between(struct chain *c, size_t u, size_t i)
{
    const struct reads *r = &c->reads[i];
    size_t before = 0;
    for (size_t j = 0; j < r->n; j++) {
        const size_t channels = c->units[r->from[j]].out.channels;
        const bool beside = r->join == JOIN_CONCAT;
        if (r->from[j] == u) {
            r->edges[j] = c->n_edges;
            c->edges[c->n_edges++] = (struct edge){ .from = c->first_link[u] + c->links_of[u] - 1,
                                                    .to = c->first_link[i],
                                                    .channels = channels,
                                                    .of = beside ? c->units[i].in.channels : channels,
                                                    .before = beside ? before : 0 };
        }
        before += channels;
    }
}

/* Those of a unit's last link, by their upper ends. */
static int list_of_unit(struct chain *c, size_t u, struct err *e)
{
    const size_t first = c->n_edges, last = c->branching ? c->n_units : u + 2;
    for (size_t i = u + 1; i < last && i < c->n_units; i++)
        list_between(c, u, i);
    if (c->n_edges == first && u + 1 < c->n_units)
        return err_at(e, c->units[u].where,
                      "network.layers.%zu: no layer reads it; name it in the `from` of a later one or leave it out", u);
    return 0;
}

int edge_list(struct chain *c, struct arena *a, struct err *e)
{
    size_t n = c->n_links;
    for (size_t i = 0; i < c->n_units; i++)
        n += c->reads[i].n;
    c->edges = arena_alloc(a, n, sizeof *c->edges);
    c->first_edge = arena_alloc(a, c->n_links + 1, sizeof *c->first_edge);
    if (!c->edges || !c->first_edge)
        return no_memory(c, e);
    for (size_t u = 0; u < c->n_units; u++) {
        const size_t channels = c->units[u].out.channels;
        for (size_t k = 0; k < c->links_of[u]; k++) {
            const size_t link = c->first_link[u] + k;
            c->first_edge[link] = c->n_edges;
            if (k + 1 < c->links_of[u]) /* a recurrent unit reads itself */
                c->edges[c->n_edges++] = (struct edge){ link, link + 1, channels, channels, 0 };
        }
        TRY(list_of_unit(c, u, e));
    }
    c->first_edge[c->n_links] = c->n_edges;
    return 0;
}

void edge_take(const struct edge *edge, struct mat read, struct mat own)
{
    const size_t n = edge->channels;
    if (edge_is_whole(edge)) {
        mat_copy(read, own);
        return;
    }
    for (size_t i = 0; i < own.rows; i++)
        for (size_t j = 0; j < own.cols; j += n)
            memcpy(own.p + i * own.cols + j, read.p + i * read.cols + edge_column(edge, j), n * sizeof *own.p);
}

/* The other way round; what is not the edge's is 0 (zero) or as it is. */
static void edge_put(const struct edge *edge, struct mat own, bool zero, struct mat read)
{
    const size_t n = edge->channels;
    if (edge_is_whole(edge)) {
        mat_copy(own, read);
        return;
    }
    if (zero)
        mat_zero(read);
    for (size_t i = 0; i < own.rows; i++)
        for (size_t j = 0; j < own.cols; j += n)
            memcpy(read.p + i * read.cols + edge_column(edge, j), own.p + i * own.cols + j, n * sizeof *own.p);
}

void edge_join(const struct pass *p, size_t i, const struct edge *moved, struct mat value, struct mat to)
{
    const struct chain *c = p->chain;
    const struct reads *r = &c->reads[i];
    for (size_t j = 0; j < r->n; j++) {
        const struct mat sent = moved && r->from[j] == moved->from ? value : pass_sent(p, r->from[j]);
        if (j > 0 && r->join == JOIN_ADD)
            mat_add(to, sent, to);
        else
            edge_put(&c->edges[r->edges[j]], sent, false, to);
    }
}

struct mat edge_read_with(const struct pass *p, const struct edge *edge, struct mat value, real *to)
{
    const struct chain *c = p->chain;
    if (!c->branching || c->reads[edge->to].n == 1)
        return value;
    const struct mat out = mat_of(to, value.rows, c->units[edge->to].in.n);
    edge_join(p, edge->to, edge, value, out);
    return out;
}

struct mat edge_moves(const struct chain *c, const struct edge *edge, struct mat d, real *to)
{
    if (edge_is_whole(edge))
        return d;
    const struct mat out = mat_of(to, d.rows, c->units[edge->to].in.n);
    edge_put(edge, d, true, out);
    return out;
}

void edge_share(const struct chain *c, const struct edge *edge, struct mat all, struct mat down)
{
    edge_take(edge, all, down);
    if (!transmit_passes_gradient(c->units[c->unit_of[edge->from]].transmit))
        mat_zero(down);
}
