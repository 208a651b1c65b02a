/* core/clock.c: the one clock. */
#define _GNU_SOURCE                 /* CLOCK_BOOTTIME */
#include "core/clock.h"

#include <time.h>

/* BOOTTIME, not MONOTONIC: while a laptop sleeps, the service's windows and tokens go on. */
static void system_source(void *ud, int64_t *wall_ms, int64_t *mono_us) {
  struct timespec wall, mono;
  (void)ud;
  clock_gettime(CLOCK_REALTIME, &wall);
  clock_gettime(CLOCK_BOOTTIME, &mono);
  *wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000;
  *mono_us = (int64_t)mono.tv_sec * 1000000 + mono.tv_nsec / 1000;
}

void tcb_clock_init(tcb_clock *clock) {
  *clock = (tcb_clock){ .source = system_source };
}

int64_t tcb_clock_now_ms(const tcb_clock *clock) {
  int64_t wall_ms, mono_us;
  if (clock->is_virtual) return clock->virtual_us / 1000;
  clock->source(clock->source_ud, &wall_ms, &mono_us);
  return wall_ms + clock->shift_ms;
}

int64_t tcb_clock_mono_us(const tcb_clock *clock) {
  int64_t wall_ms, mono_us;
  if (clock->is_virtual) return clock->virtual_us;
  clock->source(clock->source_ud, &wall_ms, &mono_us);
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
