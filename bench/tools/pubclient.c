/* pubclient: publishes over the gateway's native binary form (tributary.v1.bin) and counts the answers. One thread, epoll.
 * Each record is JSON of exactly -s bytes: {"ts":<CLOCK_MONOTONIC ns>,"seq":<per connection, from 0>,"c":<connection>,"pad":"..."}
 * Paced (-r): batches of -b records on one tick. Unpaced: each connection keeps -w publishes without an answer.
 * An error ends it. One final line of JSON. Usage: pubclient -p PORT -t TOPIC [-n CONNECTIONS] [-r RECORDS/S] [-b BATCH] [-w WINDOW]
 * [-s SIZE] [-c COUNT] [-P N] (of N partitions each connection writes to one) */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define OUT (1 << 20)

typedef struct {
  int fd, number, partition, want_out;
  uint64_t seq, answered;
  uint32_t id;
  char *out; size_t olen, ooff;
  unsigned char in[1 << 16]; size_t ilen;
} Conn;

static int port = 7080, conns = 1, size = 200, batch = 10, window = 200, partitions = 0;
static double rate = 0;
static uint64_t count = 100000;
static const char *topic = "bench";
static char pad[65536];

static uint64_t now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1000000000ull + t.tv_nsec; }
static void die(const char *what) { perror(what); exit(1); }

static size_t var(unsigned char *p, uint64_t v) { size_t n = 0; while (v >= 128) { p[n++] = (v & 127) | 128; v >>= 7; } p[n++] = v; return n; }

/* One masked binary message (mask of zeros) with one pub frame. */
static size_t pub(unsigned char *p, Conn *c, uint64_t ts) {
  unsigned char f[4096], *q = f; size_t l = strlen(topic);
  char value[3100]; int n = snprintf(value, sizeof value, "{\"ts\":%19llu,\"seq\":%12llu,\"c\":%5d,\"pad\":\"", (unsigned long long)ts, (unsigned long long)c->seq++, c->number);
  int fill = size - n - 2; if (fill < 0) fill = 0;
  memcpy(value + n, pad, fill); n += fill; value[n++] = '"'; value[n++] = '}';
  c->id = c->id % 0xfffffff0u + 1;
  *q++ = 2; q += var(q, c->id); q += var(q, l); memcpy(q, topic, l); q += l;
  q += var(q, partitions ? (uint64_t)(c->partition + 1) : 0); *q++ = 0; *q++ = 0; *q++ = 0; /* time, mid, key */
  q += var(q, n + 1); memcpy(q, value, n); q += n; *q++ = 0; /* headers */
  size_t len = q - f, h = 2; p[0] = 0x82;
  if (len < 126) p[1] = 128 | len; else { p[1] = 128 | 126; p[2] = len >> 8; p[3] = len; h = 4; }
  memset(p + h, 0, 4); memcpy(p + h + 4, f, len); return h + 4 + len;
}

static void flush_out(Conn *c) {
  while (c->ooff < c->olen) {
    ssize_t w = send(c->fd, c->out + c->ooff, c->olen - c->ooff, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (w < 0 && errno == EAGAIN) return;
    if (w <= 0) die("send");
    c->ooff += w;
  }
  c->olen = c->ooff = 0;
}

static void fill(Conn *c, uint64_t upto) {
  while (c->seq < upto && c->olen + 4096 < OUT) c->olen += pub((unsigned char *)c->out + c->olen, c, now());
  flush_out(c);
}

static uint64_t rvar(const unsigned char **p) { uint64_t v = 0; int s = 0; for (;;) { unsigned char b = *(*p)++; v |= (uint64_t)(b & 127) << s; s += 7; if (b < 128) return v; } }

static void message(Conn *c, const unsigned char *p, size_t n, int op) {
  const unsigned char *e = p + n;
  if (op == 1) { if (memmem(p, n, "\"error\"", 7) || memmem(p, n, "\"bye\"", 5)) { fprintf(stderr, "pubclient: %.*s\n", (int)(n < 200 ? n : 200), p); exit(1); } return; }
  while (p < e) { if (*p++ != 3) { fprintf(stderr, "pubclient: unknown frame\n"); exit(1); } rvar(&p); rvar(&p); rvar(&p); rvar(&p); p++; c->answered++; }
}

static void on_read(Conn *c) {
  ssize_t r = recv(c->fd, c->in + c->ilen, sizeof c->in - c->ilen, MSG_DONTWAIT);
  if (r < 0 && errno == EAGAIN) return;
  if (r <= 0) { fprintf(stderr, "pubclient: closed by the gateway\n"); exit(1); }
  c->ilen += r; size_t o = 0;
  while (c->ilen - o >= 2) {
    unsigned char *b = c->in + o; size_t h = 2, l = b[1] & 127;
    if (l == 126) { if (c->ilen - o < 4) break; l = b[2] << 8 | b[3]; h = 4; }
    else if (l == 127) { if (c->ilen - o < 10) break; l = 0; for (int i = 0; i < 8; i++) l = l << 8 | b[2 + i]; h = 10; }
    if (c->ilen - o < h + l) break;
    message(c, b + h, l, b[0] & 15); o += h + l;
  }
  memmove(c->in, c->in + o, c->ilen - o); c->ilen -= o;
}

static void dial(Conn *c) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  c->fd = socket(AF_INET, SOCK_STREAM, 0); int one = 1; setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(c->fd, (void *)&a, sizeof a)) die("connect");
  char r[1024]; int n = snprintf(r, sizeof r, "GET /v1/ws HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: tributary.v1.bin\r\n\r\n", port);
  if (send(c->fd, r, n, 0) != n) die("send");
  n = 0; while (n < 1023 && !memmem(r, n, "\r\n\r\n", 4)) { ssize_t k = recv(c->fd, r + n, 1, 0); if (k <= 0) die("handshake"); n += k; }
  r[n] = 0; if (!strstr(r, " 101 ")) { fprintf(stderr, "pubclient: refused: %.200s\n", r); exit(1); }
  c->out = malloc(OUT + 8192);
}

int main(int argc, char **argv) {
  for (int o; (o = getopt(argc, argv, "p:t:n:r:b:w:s:c:P:")) != -1;) switch (o) {
    case 'p': port = atoi(optarg); break; case 't': topic = optarg; break; case 'n': conns = atoi(optarg); break;
    case 'r': rate = atof(optarg); break; case 'b': batch = atoi(optarg); break; case 'w': window = atoi(optarg); break;
    case 's': size = atoi(optarg); break; case 'c': count = strtoull(optarg, 0, 10); break; case 'P': partitions = atoi(optarg); break;
    default: fprintf(stderr, "see the head of pubclient.c\n"); return 2; }
  if (size > 3000) size = 3000;
  memset(pad, 'x', sizeof pad);
  Conn *c = calloc(conns, sizeof *c); int ep = epoll_create1(0);
  for (int i = 0; i < conns; i++) { dial(&c[i]); c[i].number = i; c[i].partition = partitions ? i % partitions : 0; struct epoll_event e = {EPOLLIN, {.ptr = &c[i]}}; epoll_ctl(ep, EPOLL_CTL_ADD, c[i].fd, &e); }
  uint64_t start = now(), each = (count + conns - 1) / conns, total = each * conns, done = 0; double worst = 0;
  while (done < total) {
    uint64_t at = now(); int wait = 1000;
    if (rate > 0) { /* whole batches that are due, all on the first connections in turn */
      uint64_t due = (uint64_t)((at - start) / 1e9 * rate) / batch * batch; uint64_t per = due / conns; if (per > each) per = each;
      for (int i = 0; i < conns; i++) fill(&c[i], per);
      double next = ((double)(due + batch) / rate * 1e9 + start - (double)at) / 1e6; wait = next < 0 ? 0 : (int)next + 1;
      if (per >= each) wait = 100;
    } else for (int i = 0; i < conns; i++) { uint64_t upto = c[i].answered + window; if (upto > each) upto = each; if (upto > c[i].seq || c[i].olen) fill(&c[i], upto); }
    struct epoll_event ev[256]; int n = epoll_wait(ep, ev, 256, rate > 0 ? (wait > 100 ? 100 : wait) : 5);
    for (int i = 0; i < n; i++) on_read(ev[i].data.ptr);
    done = 0; for (int i = 0; i < conns; i++) { done += c[i].answered; if (c[i].olen) flush_out(&c[i]); }
    double s = (now() - start) / 1e9; if (s > worst) worst = s; if (s > 300) break;
  }
  printf("{\"connections\":%d,\"published\":%llu,\"wanted\":%llu,\"seconds\":%.3f,\"per_s\":%.0f}\n", conns, (unsigned long long)done, (unsigned long long)total, worst, done / worst);
  return done < total;
}
