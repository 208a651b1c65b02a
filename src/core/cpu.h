/* core/cpu.h: which instructions this processor has. Asked when first needed: gcc's own __builtin_cpu_supports brings a constructor
   that asks at every start of the program, which under a hypervisor costs more than parsing a script. */
#ifndef TCB_CPU_H
#define TCB_CPU_H

#if defined(__x86_64__)
#include <cpuid.h>

typedef struct { unsigned avx2_bmi_popcnt, sha; } tcb_cpu;

static inline tcb_cpu tcb_cpu_look(void) {
  tcb_cpu cpu = { 0, 0 };
  unsigned a, b, c, d, c1, low, high;
  if (!__get_cpuid(1, &a, &b, &c1, &d) || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return cpu;
  cpu.sha = (b >> 29 & 1) && (c1 >> 19 & 1);                                /* SHA, SSE4.1 */
  if (!(c1 >> 27 & 1) || !(c1 >> 28 & 1)) return cpu;                       /* OSXSAVE, AVX */
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  cpu.avx2_bmi_popcnt = (low & 6) == 6 && (b >> 5 & 1) && (b >> 3 & 1) && (c1 >> 23 & 1);   /* the system keeps the registers */
  return cpu;
}
#endif

#endif
