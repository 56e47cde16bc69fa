#include "serve/listen.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 128 };

static int listen_at(const struct sockaddr *address, socklen_t size)
{
    const int one = 1, fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    if (address->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0)
        goto fail;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 || bind(fd, address, size) < 0 ||
        listen(fd, BACKLOG) < 0)
        goto fail;
    return fd;
fail:;
    const int reason = errno;
    close(fd);
    errno = reason;
    return -1;
}

int listen_loopback(int fds[SERVER_SOCKETS], int *n, int *port, struct err *e)
{
    struct sockaddr_in four = { .sin_family = AF_INET,
                                .sin_port = htons((in_port_t)*port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof four;
    *n = 0;
    const int fd = listen_at((const struct sockaddr *)&four, sizeof four);
    if (fd < 0 && (errno == EADDRINUSE || errno == EACCES))
        return err_set(e, ERR_USAGE, "--port %d: %s; --port 0 takes a free one", *port, strerror(errno));
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&four, &size) < 0) {
        const int reason = errno;
        if (fd >= 0)
            close(fd);
        return err_set(e, ERR_INTERNAL, "cannot listen at 127.0.0.1: %s", strerror(reason));
    }
    *port = ntohs(four.sin_port);
    fds[(*n)++] = fd;
    const struct sockaddr_in6 six = { .sin6_family = AF_INET6,
                                      .sin6_port = htons((in_port_t)*port),
                                      .sin6_addr = IN6ADDR_LOOPBACK_INIT };
    const int other = listen_at((const struct sockaddr *)&six, sizeof six);
    if (other >= 0)
        fds[(*n)++] = other;
    return 0;
}
