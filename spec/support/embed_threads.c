/* spec/support/embed_threads.c: examples/embed/host.c twice at the same time: a thread and a Lua state for each journal. Built with
   ThreadSanitizer.      embed_threads SCRIPT CSV JOURNAL JOURNAL */
#define _GNU_SOURCE
#define main example_main
#include "../../examples/embed/host.c"
#undef main

#include <pthread.h>

static void *one(void *argv) {
  return (void *)(long)example_main(4, argv);
}

int main(int argc, char **argv) {
  pthread_t threads[2];
  void *code[2];
  if (argc != 5) return 2;
  char *args[2][5] = { { argv[0], argv[1], argv[2], argv[3], NULL }, { argv[0], argv[1], argv[2], argv[4], NULL } };
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, one, args[i]) != 0) return 1;
  for (int i = 0; i < 2; i++) pthread_join(threads[i], &code[i]);
  return code[0] == NULL && code[1] == NULL ? 0 : 1;
}
