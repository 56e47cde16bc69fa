#include "run/wire.h"

#include <string.h>

int wire_put_job(struct frame_buffer *out, const struct wire_job *job, struct err *e)
{
    if (strlen(job->config) > FRAME_MAX - 32 * 1024) /* the rest is paths and numbers */
        return err_set(e, ERR_SPEC, "a trial's configuration is %zu bytes long; at most %d are allowed",
                       strlen(job->config), (int)(FRAME_MAX - 32 * 1024));
    frame_begin(out, MESSAGE_JOB);
    frame_put_string(out, job->config);
    for (int i = 0; i < 2; i++) {
        frame_put_string(out, job->checkpoint[i]);
        frame_put_string(out, job->sha256[i]);
        frame_put_double(out, job->spent[i].cpu_ns);
        frame_put_double(out, job->spent[i].flops);
    }
    frame_put_string(out, job->folder);
    frame_put_string(out, job->other);
    frame_put_string(out, job->key);
    frame_put_int(out, job->memory_limit);
    frame_put_int(out, job->threads);
    frame_put_int(out, job->stop_at);
    frame_put_string(out, job->relog);
    frame_end(out);
    return 0;
}

void wire_put_request(struct frame_buffer *out, enum message request)
{
    frame_begin(out, (uint8_t)request);
    frame_end(out);
}

/* A string that a record must have. */
static int get_name(struct frame *f, const char **s, struct err *e)
{
    TRY(frame_get_string(f, s, e));
    return *s ? 0 : err_set(e, ERR_FORMAT, "a message of type %u without a name", f->type);
}

static int get_spent(struct frame *f, struct spent *spent, struct err *e)
{
    TRY(frame_get_double(f, &spent->cpu_ns, e));
    return frame_get_double(f, &spent->flops, e);
}

int wire_read(struct frame *f, struct wire_record *r, struct err *e)
{
    *r = (struct wire_record){ .type = f->type, .layer = -1 };
    switch (r->type) {
    case MESSAGE_HELLO:
        TRY(get_name(f, &r->name, e));
        TRY(frame_get_int(f, &r->step, e));
        TRY(frame_get_int(f, &r->numerics, e));
        return frame_get_string(f, &r->text, e);
    case MESSAGE_FACTS:
        TRY(get_name(f, &r->name, e));
        TRY(frame_get_string(f, &r->goal, e));
        TRY(get_name(f, &r->text, e));
        TRY(frame_get_int(f, &r->followed, e));
        return get_name(f, &r->split, e);
    case MESSAGE_METRIC:
        TRY(get_name(f, &r->name, e));
        TRY(frame_get_int(f, &r->step, e));
        return frame_get_double(f, &r->value, e);
    case MESSAGE_LAYER_METRIC:
        TRY(get_name(f, &r->name, e));
        TRY(frame_get_int(f, &r->step, e));
        TRY(frame_get_int(f, &r->layer, e));
        return frame_get_double(f, &r->value, e);
    case MESSAGE_COST:
        TRY(get_name(f, &r->name, e));
        TRY(frame_get_int(f, &r->wall_ns, e));
        TRY(frame_get_int(f, &r->cpu_ns, e));
        return frame_get_double(f, &r->value, e);
    case MESSAGE_EVENT:
        TRY(frame_get_int(f, &r->step, e));
        TRY(get_name(f, &r->name, e));
        return frame_get_string(f, &r->text, e);
    case MESSAGE_CHECKPOINT:
        TRY(frame_get_int(f, &r->step, e));
        TRY(get_name(f, &r->name, e));
        TRY(get_name(f, &r->sha256, e));
        return get_spent(f, &r->reached.spent, e);
    case MESSAGE_REACHED:
        TRY(frame_get_int(f, &r->reached.step, e));
        TRY(frame_get_int(f, &r->reached.samples, e));
        TRY(frame_get_double(f, &r->reached.epoch, e));
        return get_spent(f, &r->reached.spent, e);
    case MESSAGE_PROGRESS:
        TRY(frame_get_int(f, &r->step, e));
        return frame_get_double(f, &r->value, e);
    case MESSAGE_END:
        TRY(frame_get_int(f, &r->code, e));
        TRY(frame_get_string(f, &r->text, e));
        TRY(frame_get_int(f, &r->step, e));
        TRY(frame_get_int(f, &r->layer, e));
        TRY(frame_get_string(f, &r->name, e));
        return frame_get_string(f, &r->sha256, e);
    default:
        return err_set(e, ERR_FORMAT, "a message of the unknown type %u", f->type);
    }
}
