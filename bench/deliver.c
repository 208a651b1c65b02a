/* bench/deliver.c: a sender of webhook events that costs little: deliver PORT KEY CONNECTIONS EVENTS FIRST_ID.
   Keeps CONNECTIONS busy with one event each until EVENTS were answered 200; prints seconds and the 99th percentile in ms. */
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

typedef struct { int fd; double sent_at; size_t got; char in[1024]; } sender;

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  fprintf(stderr, "deliver: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void send_event(sender *s, const char *key, long id) {
  char body[700], out[1200];
  int len = snprintf(body, sizeof body,
    "{\"event_id\":\"%08lx-7c4e-4b5a-9d2f-%012lx\",\"client_account_id\":\"0d7c6b1e-3f50-4f5e-9f5d-0a1b2c3d4e5f\",\"event_type\":\"cmb\","
    "\"created_at\":\"1753945760\",\"cmb_payload\":{\"business_number\":\"910000000001\",\"feature_set\":\"Deliveries\","
    "\"client_number\":\"9190%08ld\",\"requested_at\":\"1753945760\",\"requested_date\":\"2026-08-02\",\"requested_slot\":\"Saturday\","
    "\"preferred_from_time\":\"1754116200\",\"preferred_to_time\":\"1754118000\",\"is_interested\":true,\"alternate_number\":\"\","
    "\"cmb_config_name\":\"Evening slots\"}}", (unsigned long)(id * 2654435761u) & 0xffffffff, id, id % 100000000);
  int n = snprintf(out, sizeof out, "POST /hook?key=%s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
                   key, len, body);
  s->got = 0;
  s->sent_at = now_s();
  if (write(s->fd, out, (size_t)n) != n) fail("write");
}

static int is_answered(sender *s) {                      /* reads; 1 once the answer is whole */
  ssize_t n = read(s->fd, s->in + s->got, sizeof s->in - 1 - s->got);
  if (n <= 0) fail("read");
  s->got += (size_t)n;
  s->in[s->got] = '\0';
  char *end = strstr(s->in, "\r\n\r\n"), *length = strstr(s->in, "Content-Length: ");
  if (end == NULL || length == NULL || s->got < (size_t)(end + 4 - s->in) + (size_t)atoi(length + 16)) return 0;
  if (strncmp(s->in, "HTTP/1.1 200 ", 13) != 0) {
    fprintf(stderr, "deliver: %.60s\n", s->in);
    exit(1);
  }
  return 1;
}

static int by_size(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  int port = atoi(argv[1]), connections = atoi(argv[3]), on = 1;
  long events = atol(argv[4]), next = atol(argv[5]), end = next + events, answered = 0;
  sender *senders = calloc((size_t)connections, sizeof *senders);
  float *took = malloc((size_t)events * sizeof *took);
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
  for (int i = 0; i < connections && next < end; i++) send_event(&senders[i], argv[2], next++);
  while (answered < events) {
    struct epoll_event list[256];
    int n = epoll_wait(epoll, list, 256, 30000);
    if (n <= 0) fail("no answer");
    for (int i = 0; i < n; i++) {
      sender *s = list[i].data.ptr;
      if (!is_answered(s)) continue;
      took[answered++] = (float)((now_s() - s->sent_at) * 1000);
      if (next < end) send_event(s, argv[2], next++);
    }
  }
  double seconds = now_s() - begun;
  qsort(took, (size_t)events, sizeof *took, by_size);
  printf("%.6f %.3f\n", seconds, (double)took[events * 99 / 100]);
  return 0;
}
