/* bench/load.c: a load of HTTP requests that costs little: load PORT PATH CONNECTIONS REQUESTS [BODY-FILE]
   Keeps CONNECTIONS busy with one request each (GET, or POST of the file's bytes) until REQUESTS were answered. Prints: seconds, the
   median, 99th percentile and maximum in ms, and how many were not answered 200. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

typedef struct { int fd; double sent_at; size_t got; char in[4096]; } sender;

static char request[8192];
static size_t request_len;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void make_request(const char *path, const char *body_file) {
  char body[4096];
  size_t len = 0;
  FILE *f = body_file ? fopen(body_file, "rb") : NULL;
  if (body_file && f == NULL) fail(body_file);
  if (f) len = fread(body, 1, sizeof body, f), fclose(f);
  int n = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                   f ? "POST" : "GET", path, len);
  memcpy(request + n, body, len);
  request_len = (size_t)n + len;
}

static void send_one(sender *s) {
  s->got = 0;
  s->sent_at = now_s();
  if (write(s->fd, request, request_len) != (ssize_t)request_len) fail("write");
}

static int is_answered(sender *s, long *bad) {           /* reads; 1 once the answer is whole */
  ssize_t n = read(s->fd, s->in + s->got, sizeof s->in - 1 - s->got);
  if (n <= 0) fail("read");
  s->got += (size_t)n;
  s->in[s->got] = '\0';
  char *end = strstr(s->in, "\r\n\r\n"), *length = strstr(s->in, "Content-Length: ");
  if (length == NULL) length = strstr(s->in, "content-length: ");
  if (end == NULL || length == NULL || s->got < (size_t)(end + 4 - s->in) + (size_t)atoi(length + 16)) return 0;
  if (strncmp(s->in, "HTTP/1.1 200 ", 13) != 0 && (*bad)++ == 0) fprintf(stderr, "load: %.300s\n", s->in);
  return 1;
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc < 5) return 2;
  int port = atoi(argv[1]), connections = atoi(argv[3]), on = 1;
  long requests = atol(argv[4]), sent = 0, answered = 0, bad = 0;
  make_request(argv[2], argv[5]);
  sender *senders = calloc((size_t)connections, sizeof *senders);
  float *took = malloc((size_t)requests * sizeof *took);
  struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
  int epoll = epoll_create1(0);
  for (int i = 0; i < connections; i++) {
    sender *s = &senders[i];
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(s->fd, (struct sockaddr *)&to, sizeof to) != 0) fail("connect");
    epoll_ctl(epoll, EPOLL_CTL_ADD, s->fd, &e);
  }
  double begun = now_s();
  for (int i = 0; i < connections && sent < requests; i++) send_one(&senders[i]), sent++;
  while (answered < requests) {
    struct epoll_event list[256];
    int n = epoll_wait(epoll, list, 256, 30000);
    if (n <= 0) fail("no answer");
    for (int i = 0; i < n; i++) {
      sender *s = list[i].data.ptr;
      if (!is_answered(s, &bad)) continue;
      took[answered++] = (float)((now_s() - s->sent_at) * 1000);
      if (sent < requests) send_one(s), sent++;
    }
  }
  double seconds = now_s() - begun;
  qsort(took, (size_t)requests, sizeof *took, by_size);
  printf("%.6f %.3f %.3f %.3f %ld\n", seconds, (double)took[requests / 2], (double)took[requests * 99 / 100],
         (double)took[requests - 1], bad);
  return 0;
}
