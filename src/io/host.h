/* io/host.h: facts about the machine. */
#ifndef TCB_HOST_H
#define TCB_HOST_H

/* 16 bytes that are the same for every process until the machine starts again; zeros where it names none. */
void tcb_host_boot(char out[16]);
/* `len` unpredictable bytes; 0 when the machine has none to give. */
int tcb_host_random(void *out, unsigned len);

#endif
