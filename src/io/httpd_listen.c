/* io/httpd_listen.c: listening sockets, made by us so that failures can be told in words. */
#define _GNU_SOURCE
#include "io/httpd_priv.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG 1024

static int port_of(int fd) {
  union { struct sockaddr any; struct sockaddr_in in; struct sockaddr_in6 in6; } a = { .in6 = { 0 } };
  socklen_t len = sizeof a;
  if (getsockname(fd, &a.any, &len) != 0) return 0;
  return ntohs(a.any.sa_family == AF_INET6 ? a.in6.sin6_port : a.in.sin_port);
}

int tcb_httpd_listen_tcp(const char *host, int port, int *bound_port, tcb_err *err) {
  struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM }, *list = NULL;
  char service[16];
  int fd = -1, on = 1, why;
  snprintf(service, sizeof service, "%d", port);
  why = getaddrinfo(host, service, &hints, &list);
  if (why != 0) {
    tcb_fail(err, TCB_E_CONFIG, "cannot listen on '%.100s': %s", host, gai_strerror(why));
    return -1;
  }
  fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
    tcb_fail(err, errno == EACCES ? TCB_E_CONFIG : TCB_E_NET, "cannot listen on %.100s:%d: %s", host, port, strerror(errno));
    if (fd >= 0) close(fd);
    fd = -1;
  } else {
    *bound_port = port_of(fd);
  }
  freeaddrinfo(list);
  return fd;
}

/* A socket file that nobody answers on is what a killed process left behind: it is taken over. */
static int is_stale(const struct sockaddr_un *a) {
  struct stat st;
  if (stat(a->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode)) return 0;
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), stale;
  if (fd < 0) return 0;
  stale = connect(fd, (const struct sockaddr *)a, sizeof *a) != 0 && errno == ECONNREFUSED;
  close(fd);
  return stale;
}

int tcb_httpd_listen_unix(const char *path, int mode, tcb_err *err) {
  struct sockaddr_un a = { .sun_family = AF_UNIX };
  if (strlen(path) >= sizeof a.sun_path) {
    tcb_fail(err, TCB_E_CONFIG, "cannot listen on '%.100s': a socket's path has at most %zu bytes", path, sizeof a.sun_path - 1);
    return -1;
  }
  strcpy(a.sun_path, path);
  if (is_stale(&a)) unlink(path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* Permissions are set between bind and listen: nobody can connect before. */
  if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || chmod(path, (mode_t)mode) != 0 || listen(fd, BACKLOG) != 0) {
    tcb_fail(err, errno == EADDRINUSE ? TCB_E_NET : TCB_E_CONFIG, "cannot listen on '%.100s': %s", path, strerror(errno));
    if (fd >= 0) close(fd);
    return -1;
  }
  return fd;
}
