/* spec/soak/pipe_rows.c: pipe_rows N: a CSV of N good rows on standard output, no two with the same numbers, as fast as a pipe takes them. */
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
  static const char *const names[] = { "Acme Deliveries", "\"Smith, \"\"Jones\"\" & Co\"", "Caf\xc3\xa9 D\xc3\xa9j\xc3\xa0 Vu", "Acme Bank" };
  long long rows = argc > 1 ? atoll(argv[1]) : 0, begin = 1893456000000;        /* 2030-01-01 */
  puts("caller_number,receiver_number,label_id,dynamic_label_name,dynamic_call_reason,starts_at,ends_at");
  for (long long i = 0; i < rows; i++) {
    long long at = begin + i * 7919 % 86400000;
    if (printf("911234567890,9%lld,0c7d1f6e-0281-4f86-bb27-745254543456,%s,Your order %lld arrives today,%lld,%lld\n", 1000000000 + i,
               names[i % 4], i, at, at + 3600000) < 0) return 1;
  }
  return fflush(stdout) != 0;
}
