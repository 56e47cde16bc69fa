/* The process that reads the database for the server, so that a query never holds up other visitors, and can be ended:
 * this very program (base/self.h), with one connection. Questions are answered one after the other. */
#ifndef TPRUN_SERVE_READER_H
#define TPRUN_SERVE_READER_H

#include "base/frame.h"
#include "base/self.h"
#include "base/text.h"
#include <stdint.h>

struct question {
    struct question *next;
    const char *request; /* a view (views.h); NULL: has somebody committed? */
    void *owner;
    bool done;
    int code; /* 0, or why there is no answer: `text` says it */
    struct text text;
    int64_t version;  /* another number after a commit of somebody, or when the file is another one */
    int64_t asked_ns; /* when it became the first of those that wait */
};
struct page_reader {
    const char *db;
    struct self self;
    struct frame_buffer in;
    struct question *first, *last;
    size_t n;
};

enum { READER_MOST = 64 /* questions that wait */, READER_SECONDS = 60 /* for one answer */ };

/* Asks; the question stays where it is until it is done. It is done at once, with a code, where there is no reader. */
void page_reader_ask(struct page_reader *r, struct question *q);
/* Takes what has come in, without waiting. Returns a question that is done and was taken off, or NULL. */
struct question *page_reader_take(struct page_reader *r);
/* Ends the process; page_reader_take then returns the questions that wait, done with an error. */
void page_reader_close(struct page_reader *r);

/* In main(), before anything else: whether this process is a reader; then page_reader_run gives its exit status. */
bool page_reader_is(int argc, char **argv);
int page_reader_run(char **argv);

#define READER_OPTION "--page-reader-of"
enum reader_message {
    READER_OPEN = 1, /* s database; has no answer */
    READER_VIEW,     /* s request */
    READER_VERSION,
    READER_PART, /* s text, a part of it */
    READER_END   /* i code, s message or "", i version: the answer is complete */
};

#endif
