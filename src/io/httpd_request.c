/* io/httpd_request.c: libmicrohttpd's callbacks for a request: collect, refuse, queue and suspend. They see no Lua. */
#include "io/httpd_priv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static conn *note_of(struct MHD_Connection *c) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
  return info ? info->socket_context : NULL;
}

static void free_req(tcb_httpd_req *req) {
  if (req->response) MHD_destroy_response(req->response);
  tcb_buf_free(&req->body);
  tcb_buf_free(&req->text);
  tcb_free(req->ctx, req, sizeof *req);
}

static void unref(tcb_httpd_req *req) {
  if (--req->refs == 0) free_req(req);
}

static tcb_status add_text(tcb_httpd_req *req, const char *text, size_t len, size_t *at) {
  if (at) *at = req->text.len;
  tcb_status status = tcb_buf_add(&req->text, text, len, NULL);
  return status == TCB_OK ? tcb_buf_add(&req->text, "", 1, NULL) : status;
}

/* The first line has arrived. What is returned comes back as *req_cls. */
void *tcb_httpd_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd) {
  tcb_httpd *s = cls;
  conn *c = note_of(mhd);
  tcb_httpd_req *req = c ? tcb_calloc(s->ctx, sizeof *req) : NULL;
  if (req == NULL) return NULL;
  req->ctx = s->ctx;
  req->server = s;
  req->conn = c;
  req->refs = 1;
  tcb_buf_init(&req->body, s->ctx);
  tcb_buf_init(&req->text, s->ctx);
  size_t path = strcspn(uri, "?");
  if (add_text(req, uri, path, &req->path_at) != TCB_OK ||
      add_text(req, uri[path] ? uri + path + 1 : "", strlen(uri + path) - (uri[path] ? 1 : 0), &req->query_at) != TCB_OK) {
    free_req(req);
    return NULL;
  }
  c->req = req;
  s->stats.open_requests++;
  tcb_httpd_conn_touch(c, tcb_httpd_now_ms(s) + s->options.read_timeout_ms);
  return req;
}

static enum MHD_Result one_header(void *cls, enum MHD_ValueKind kind, const char *name, const char *value) {
  tcb_httpd_req *req = cls;
  size_t at;
  (void)kind;
  if (add_text(req, name, strlen(name), &at) != TCB_OK) return MHD_NO;
  for (char *p = req->text.data + at; *p; p++)
    if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
  if (add_text(req, value ? value : "", value ? strlen(value) : 0, NULL) != TCB_OK) return MHD_NO;
  req->header_count++;
  return MHD_YES;
}

static void name_peer(tcb_httpd_req *req, struct MHD_Connection *mhd) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
  const struct sockaddr *a = info ? info->client_addr : NULL;
  char text[INET6_ADDRSTRLEN] = "";
  if (a && a->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)a;
    inet_ntop(AF_INET, &in->sin_addr, text, sizeof text);
    snprintf(req->peer, sizeof req->peer, "%s:%d", text, ntohs(in->sin_port));
  } else if (a && a->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)(const void *)a;
    inet_ntop(AF_INET6, &in->sin6_addr, text, sizeof text);
    snprintf(req->peer, sizeof req->peer, "[%s]:%d", text, ntohs(in->sin6_port));
  } else {
    strcpy(req->peer, "unix");
  }
}

static tcb_status read_head(tcb_httpd_req *req, struct MHD_Connection *mhd, const char *method) {
  tcb_status status = add_text(req, method, strlen(method), &req->method_at);
  req->headers_at = req->text.len;
  size_t before = req->header_count;
  int count = MHD_get_connection_values(mhd, MHD_HEADER_KIND, one_header, req);
  if (status != TCB_OK || count < 0 || req->header_count - before != (size_t)count) return TCB_E_MEMORY;
  name_peer(req, mhd);
  req->head.method = req->text.data + req->method_at;
  req->head.path = req->text.data + req->path_at;
  req->head.query = req->text.data + req->query_at;
  req->head.peer = req->peer;
  return TCB_OK;
}

int tcb_httpd_req_header(const tcb_httpd_req *req, size_t i, const char **name, const char **value) {
  const char *at = req->text.data + req->headers_at;
  if (i >= req->header_count) return 0;
  for (; i > 0; i--) {
    at += strlen(at) + 1;
    at += strlen(at) + 1;
  }
  *name = at;
  *value = at + strlen(at) + 1;
  return 1;
}

static const char *header(const tcb_httpd_req *req, const char *wanted) {
  const char *name, *value;
  for (size_t i = 0; tcb_httpd_req_header(req, i, &name, &value); i++)
    if (strcmp(name, wanted) == 0) return value;
  return NULL;
}

static int refusal_text(int status, char *out, size_t room) {
  return snprintf(out, room, "{\"message\":\"%s\"}", MHD_get_reason_phrase_for((unsigned)status));
}

void tcb_httpd_raw_answer(conn *c, int status) {
  char body[128], out[512];
  int len = refusal_text(status, body, sizeof body);
  int n = snprintf(out, sizeof out, "HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
                   status, MHD_get_reason_phrase_for((unsigned)status), len, body);
  ssize_t sent = send(c->fd, out, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
  (void)sent;                        /* who does not read has no answer */
  tcb_httpd_linger_add(c->server, c->fd);
}

static enum MHD_Result refuse(tcb_httpd_req *req, struct MHD_Connection *mhd, int status, const char *allow, int has_body) {
  char body[128];
  req->state = REQ_REFUSED;
  req->server->stats.refused++;
  if (has_body && !req->conn->is_tls) {
    tcb_httpd_raw_answer(req->conn, status);
    return MHD_NO;                   /* closes it */
  }
  int len = refusal_text(status, body, sizeof body);
  struct MHD_Response *r = MHD_create_response_from_buffer((size_t)len, body, MHD_RESPMEM_MUST_COPY);
  if (r == NULL) return MHD_NO;
  MHD_add_response_header(r, "Content-Type", "application/json");
  if (allow) MHD_add_response_header(r, "Allow", allow);
  if (has_body) MHD_add_response_header(r, "Connection", "close");
  enum MHD_Result result = MHD_queue_response(mhd, (unsigned)status, r);
  MHD_destroy_response(r);
  return result;
}

static enum MHD_Result on_head(tcb_httpd_req *req, struct MHD_Connection *mhd, const char *method) {
  const char *allow = NULL, *announced, *coding;
  req->is_seen = 1;
  if (read_head(req, mhd, method) != TCB_OK) return MHD_NO;
  announced = header(req, "content-length");
  coding = header(req, "transfer-encoding");
  uint64_t bytes = announced && !coding ? strtoull(announced, NULL, 10) : 0;
  int has_body = coding != NULL || bytes > 0;
  int status = tcb_httpd_route_check(req->server, req, has_body, bytes, &allow);
  return status ? refuse(req, mhd, status, allow, has_body) : MHD_YES;
}

static enum MHD_Result on_body(tcb_httpd_req *req, const char *data, size_t *size) {
  size_t len = *size;
  *size = 0;
  if (req->refused_status) return MHD_YES;                       /* read to its end and thrown away */
  if (req->body.len + len > req->max_body_bytes) {
    if (!req->conn->is_tls) {
      req->state = REQ_REFUSED;
      req->server->stats.refused++;
      tcb_httpd_raw_answer(req->conn, MHD_HTTP_CONTENT_TOO_LARGE);
      return MHD_NO;
    }
    tcb_buf_free(&req->body);
    req->refused_status = MHD_HTTP_CONTENT_TOO_LARGE;
    return MHD_YES;
  }
  return tcb_buf_add(&req->body, data, len, NULL) == TCB_OK ? MHD_YES : MHD_NO;
}

static enum MHD_Result on_whole(tcb_httpd_req *req, struct MHD_Connection *mhd) {
  tcb_httpd *s = req->server;
  if (req->refused_status) return refuse(req, mhd, req->refused_status, NULL, 0);
  if (s->is_closing) return MHD_NO;
  req->state = REQ_OPEN;
  req->head.id = ++s->next_id;
  req->refs++;                       /* the queue's, later the taker's */
  req->next = NULL;
  if (s->queue_last) s->queue_last->next = req; else s->queue_first = req;
  s->queue_last = req;
  s->stats.requests++;
  req->conn->due_ms = INT64_MAX;
  MHD_suspend_connection(mhd);
  return MHD_YES;
}

enum MHD_Result tcb_httpd_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method, const char *version,
                                     const char *data, size_t *size, void **req_cls) {
  tcb_httpd_req *req = *req_cls;
  (void)cls, (void)url, (void)version;
  if (req == NULL) return MHD_NO;
  if (!req->is_seen) return on_head(req, mhd, method);
  if (*size) return on_body(req, data, size);
  switch (req->state) {
  case REQ_RECEIVING: return on_whole(req, mhd);
  case REQ_ANSWERED: {
    enum MHD_Result result = MHD_queue_response(mhd, (unsigned)req->status, req->response);
    MHD_destroy_response(req->response);
    req->response = NULL;
    return result;
  }
  case REQ_REFUSED: return MHD_YES;
  default: return MHD_NO;            /* cut */
  }
}

void tcb_httpd_req_detach(tcb_httpd_req *req) {
  req->conn = NULL;
  req->server = NULL;
  if (req->state != REQ_REFUSED) req->state = REQ_GONE;
}

void tcb_httpd_on_completed(void *cls, struct MHD_Connection *mhd, void **req_cls, enum MHD_RequestTerminationCode code) {
  tcb_httpd *s = cls;
  tcb_httpd_req *req = *req_cls;
  (void)mhd, (void)code;
  if (req == NULL) return;
  *req_cls = NULL;
  if (req->state == REQ_RECEIVING) s->stats.cut_short++;
  s->stats.open_requests--;
  if (req->conn) {
    req->conn->req = NULL;
    if (!req->conn->is_dropped) tcb_httpd_conn_touch(req->conn, tcb_httpd_now_ms(s) + s->options.idle_timeout_ms);
  }
  tcb_httpd_req_detach(req);
  unref(req);
}

const tcb_httpd_head *tcb_httpd_req_head(const tcb_httpd_req *req) {
  return &req->head;
}

tcb_buf *tcb_httpd_req_body(tcb_httpd_req *req) {
  return &req->body;
}

static tcb_status resume(tcb_httpd_req *req, req_state state) {
  req->state = state;
  req->server->has_resumed = 1;
  MHD_resume_connection(req->conn->mhd);
  return TCB_OK;
}

static tcb_status not_open(const tcb_httpd_req *req, tcb_err *err) {
  if (req->state == REQ_GONE) return tcb_fail(err, TCB_E_CANCELLED, "the request is gone: its connection or the server was closed");
  return tcb_fail(err, TCB_E_INPUT, "the request was answered before");
}

static int is_open(const tcb_httpd_req *req) {
  return req->conn && (req->state == REQ_OPEN || req->state == REQ_STALLED);
}

static tcb_status make_response(tcb_httpd_req *req, struct MHD_Response *r, int status, const tcb_httpd_header *headers, size_t count,
                                tcb_err *err) {
  if (r == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for an answer");
  for (size_t i = 0; i < count; i++)
    if (MHD_add_response_header(r, headers[i].name, headers[i].value) != MHD_YES) {
      MHD_destroy_response(r);
      return tcb_fail(err, TCB_E_INPUT, "cannot answer with header '%.60s': not allowed in HTTP", headers[i].name);
    }
  req->response = r;
  req->status = status;
  return TCB_OK;
}

tcb_status tcb_httpd_respond(tcb_httpd_req *req, int status, const tcb_httpd_header *headers, size_t count, const char *body,
                             size_t len, tcb_err *err) {
  if (!is_open(req)) return not_open(req, err);
  struct MHD_Response *r = MHD_create_response_from_buffer(len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
  tcb_status made = make_response(req, r, status, headers, count, err);
  return made == TCB_OK ? resume(req, REQ_ANSWERED) : made;
}

/* The half that is sent of an answer that announces more. */
typedef struct { size_t len; char bytes[]; } half;

static ssize_t read_half(void *cls, uint64_t pos, char *out, size_t max) {
  const half *h = cls;
  if (pos >= h->len) return MHD_CONTENT_READER_END_WITH_ERROR;
  size_t n = h->len - (size_t)pos < max ? h->len - (size_t)pos : max;
  memcpy(out, h->bytes + pos, n);
  return (ssize_t)n;
}

static tcb_status truncate_answer(tcb_httpd_req *req, int status, const tcb_httpd_header *headers, size_t count, const char *body,
                                  size_t len, tcb_err *err) {
  half *h = malloc(sizeof *h + len / 2);
  if (h == NULL) return tcb_fail(err, TCB_E_MEMORY, "not enough memory for an answer");
  h->len = len / 2;
  memcpy(h->bytes, body, h->len);
  struct MHD_Response *r = MHD_create_response_from_callback(len ? len : 1, 16384, read_half, h, free);
  if (r == NULL) free(h);
  tcb_status made = make_response(req, r, status, headers, count, err);
  return made == TCB_OK ? resume(req, REQ_ANSWERED) : made;
}

tcb_status tcb_httpd_req_cut(tcb_httpd_req *req, tcb_httpd_cut mode, int status, const tcb_httpd_header *headers, size_t count,
                             const char *body, size_t len, tcb_err *err) {
  struct sockaddr nobody = { .sa_family = AF_UNSPEC };
  if (!is_open(req)) return not_open(req, err);
  switch (mode) {
  case TCB_CUT_STALL:
    req->state = REQ_STALLED;
    return TCB_OK;
  case TCB_CUT_TRUNCATE:
    return truncate_answer(req, status, headers, count, body, len, err);
  case TCB_CUT_RESET:                /* dissolving the association sends RST at once, where close would send FIN first */
    if (connect(req->conn->fd, &nobody, sizeof nobody) != 0) shutdown(req->conn->fd, SHUT_RDWR);    /* a unix socket has no RST */
    return resume(req, REQ_CUT);
  default:
    return resume(req, REQ_CUT);
  }
}

void tcb_httpd_req_release(tcb_httpd_req *req) {
  static const tcb_httpd_header json = { "Content-Type", "application/json" };
  if (req == NULL) return;
  if (req->conn && req->state == REQ_OPEN) tcb_httpd_respond(req, 500, &json, 1, "{\"message\":\"no answer\"}", 23, NULL);
  unref(req);
}
