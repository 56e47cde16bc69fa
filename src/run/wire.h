/* The runner's end of trial/protocol.h: jobs out, records in. */
#ifndef TPRUN_RUN_WIRE_H
#define TPRUN_RUN_WIRE_H

#include "base/frame.h"
#include "base/sink.h"
#include "trial/protocol.h"

struct wire_job {
    const char *config;
    const char *checkpoint[2], *sha256[2]; /* names, newest first; NULL = none */
    struct spent spent[2];                 /* until then */
    const char *folder, *other;            /* of checkpoints; other (may be NULL): read from where folder lacks one */
    const char *key;
    int64_t memory_limit; /* bytes of address space, 0 = none */
    int64_t threads;      /* 1 and more */
    int64_t stop_at;      /* step, 0 = none */
    const char *relog;    /* SHA-256 of the weights in checkpoint[0], to log from and not to train; NULL: to train */
};
/* ERR_SPEC if the configuration is too long for one frame. */
int wire_put_job(struct frame_buffer *out, const struct wire_job *job, struct err *e);
void wire_put_request(struct frame_buffer *out, enum message request);

/* One message of a worker; the strings live in the frame. Which fields are set: see enum message. */
struct wire_record {
    enum message type;
    int64_t step, layer;
    struct reached reached; /* MESSAGE_REACHED; its spent: also MESSAGE_CHECKPOINT */
    int64_t wall_ns, cpu_ns;
    int64_t code;             /* MESSAGE_END */
    int64_t numerics;         /* MESSAGE_HELLO */
    int64_t followed;         /* MESSAGE_FACTS */
    double value;             /* metric, loss or flops */
    const char *name;         /* metric, phase, kind of event, BLAS kernel, tensor, or checkpoint */
    const char *text;         /* of an event, the reason of an end, inputs, or a unit */
    const char *goal, *split; /* MESSAGE_FACTS */
    const char *sha256;
};
/* ERR_FORMAT for an unknown message or a field that is missing. */
int wire_read(struct frame *f, struct wire_record *r, struct err *e);

#endif
