/* What a runner and a worker say to each other, in frames (base/frame.h) over one socket.
 *
 * The fields of a frame stand behind its name in their order; s = string, i = integer, d = double. One worker runs one
 * trial. The runner may say MESSAGE_STOP or MESSAGE_SAVE at any time after the job; when its end of the socket closes,
 * the worker leaves at once. */
#ifndef TPRUN_TRIAL_PROTOCOL_H
#define TPRUN_TRIAL_PROTOCOL_H

#define WORKER_SOCKET 3 /* the file descriptor of the socket in the worker */

enum message {
    /* from the runner */
    MESSAGE_JOB = 1, /* s config (canonical JSON); twice (newest first): s checkpoint name or NULL, s sha256,
                        d processor ns and d operations spent until it; s
                        checkpoint folder; s folder to read from what that one lacks, or NULL; s key; i memory limit in
                        bytes or 0; i threads; i step to stop at or 0; s SHA-256 of the weights that the checkpoint must
                        hold, from which metrics are logged again and nothing is trained, or NULL */
    MESSAGE_STOP,    /* write a checkpoint at the next step boundary and end as interrupted */
    MESSAGE_SAVE,    /* write a checkpoint and go on */
    /* from the worker */
    MESSAGE_HELLO = 16,   /* s BLAS kernel, i step the trial starts from, i numerics version, s inputs (JSON) or NULL */
    MESSAGE_METRIC,       /* s name, i step, d value */
    MESSAGE_LAYER_METRIC, /* s name, i step, i layer, d value */
    MESSAGE_COST,         /* s phase, i wall ns, i cpu ns, d flops */
    MESSAGE_EVENT,        /* i step, s kind, s text */
    MESSAGE_CHECKPOINT,   /* i step, s name, s sha256, d processor ns, d operations: the file is durable, every row of
                             steps <= step was sent before */
    MESSAGE_PROGRESS,     /* i step, d last train loss */
    MESSAGE_REACHED,      /* before the metrics of a step: i step, i samples, d epoch, d processor ns, d operations */
    MESSAGE_FACTS,        /* s name of a metric, s goal or NULL, s unit, i followed, s split or "": before its rows */
    MESSAGE_END /* i code (0 or enum err_code), s reason, i step, i layer, s tensor, s sha256 of the final weights */
};

#endif
