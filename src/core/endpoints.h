/* core/endpoints.h: the service's calls in one table. Everything that depends on the call alone is read from here. */
#ifndef TCB_ENDPOINTS_H
#define TCB_ENDPOINTS_H

#include <stddef.h>

typedef enum {
  TCB_CALL_TOKEN, TCB_CALL_LABELS, TCB_CALL_PERSONALISE, TCB_CALL_PUSH, TCB_CALL_STATUS, TCB_CALL_FEATURE_SETS,
  TCB_CALL_NUMBERS, TCB_CALL_PUBLISH, TCB_CALL_DELIST, TCB_CALL_V1_PERSONALISE, TCB_CALL_V1_PUSH, TCB_CALL_V1_STATUS,
  TCB_CALL_FEEDBACK_LOG, TCB_CALL_CMB_LOG, TCB_CALL_OTHER, TCB_CALL_COUNT
} tcb_call;

typedef struct {
  int row;                          /* of the API's table of endpoints (docs/api-mapping.md); 0: no row */
  const char *name;                 /* as in the sandbox's ledger */
  const char *method;
  const char *path;                 /* {client}, {feature_set}, {survey}: percent-encoded values */
  const char *query;                /* names in the API's order, separated by a space */
  const char *limit;                /* the limit it counts against: mint, push, personalise; "" none */
  int records_max;                  /* records or numbers in one body; 0: no such body */
  int is_repeatable;                /* doing it twice does no more than doing it once */
  const char *fallback;             /* path to try after a 404 on `path`; NULL none */
  const char *replaced_by;          /* deprecated calls: what to use instead; NULL: current */
} tcb_endpoint;

/* TCB_CALL_COUNT entries, indexed by tcb_call. */
extern const tcb_endpoint tcb_endpoints[];
/* The call of that name, or TCB_CALL_COUNT. */
tcb_call tcb_call_find(const char *name);

#endif
