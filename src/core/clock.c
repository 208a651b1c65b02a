/* core/clock.c: the one clock. */
#define _GNU_SOURCE                 /* CLOCK_BOOTTIME */
#include "core/clock.h"

#include <time.h>

/* BOOTTIME, not MONOTONIC: while a laptop sleeps, the service's windows and tokens go on. */
static void system_source(void *ud, int64_t *wall_ms, int64_t *mono_us) {
  struct timespec t;
  (void)ud;
  if (wall_ms) clock_gettime(CLOCK_REALTIME, &t), *wall_ms = (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
  if (mono_us) clock_gettime(CLOCK_BOOTTIME, &t), *mono_us = (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void tcb_clock_init(tcb_clock *clock) {
  *clock = (tcb_clock){ .source = system_source };
}

int64_t tcb_clock_now_ms(const tcb_clock *clock) {
  int64_t wall_ms;
  if (clock->is_virtual) return clock->virtual_us / 1000;
  clock->source(clock->source_ud, &wall_ms, NULL);
  return wall_ms + clock->shift_ms;
}

int64_t tcb_clock_mono_us(const tcb_clock *clock) {
  int64_t mono_us;
  if (clock->is_virtual) return clock->virtual_us;
  clock->source(clock->source_ud, NULL, &mono_us);
  return mono_us;
}

void tcb_clock_make_virtual(tcb_clock *clock, int64_t at_ms) {
  clock->is_virtual = 1;
  clock->virtual_us = at_ms * 1000;
}

void tcb_clock_advance(tcb_clock *clock, int64_t us) {
  if (us <= 0) return;
  if (clock->is_virtual) clock->virtual_us += us;
  else clock->shift_ms += us / 1000;
}
