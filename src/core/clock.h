/* core/clock.h: the one clock. Real, shifted or virtual; every reading of time in the project comes from here. */
#ifndef TCB_CLOCK_H
#define TCB_CLOCK_H

#include <stdint.h>

/* Reads the machine's clocks: wall in epoch ms, and a clock that never jumps and counts sleep of the machine, in us. */
typedef void (*tcb_clock_source)(void *ud, int64_t *wall_ms, int64_t *mono_us);

typedef struct {
  tcb_clock_source source;
  void *source_ud;
  int64_t shift_ms;                 /* added to the wall clock (TCB_CLOCK); the monotonic clock is never shifted */
  int is_virtual;
  int64_t virtual_us;               /* since the epoch; the virtual clock's only state */
} tcb_clock;

/* The system's clocks, no shift. */
void tcb_clock_init(tcb_clock *clock);
/* Epoch milliseconds: for the API's instants, never for pace. */
int64_t tcb_clock_now_ms(const tcb_clock *clock);
/* Microseconds of a clock that does not jump, the same for every process of the machine: for pace, deadlines and waits. */
int64_t tcb_clock_mono_us(const tcb_clock *clock);
/* From here on time stands still but for tcb_clock_advance. Starts at `at_ms`. */
void tcb_clock_make_virtual(tcb_clock *clock, int64_t at_ms);
/* Moves a virtual clock forward by `us`; a real clock's wall time is shifted by it. Negative values are ignored. */
void tcb_clock_advance(tcb_clock *clock, int64_t us);

#endif
