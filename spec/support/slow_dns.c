/* spec/support/slow_dns.c: preloaded, makes every name lookup hang for 3 s and then fail. */
#include <netdb.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **res) {
  (void)node, (void)service, (void)hints, (void)res;
  sleep(3);
  return EAI_AGAIN;
}
